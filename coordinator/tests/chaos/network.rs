//! What happens to the network.

#![expect(clippy::unnecessary_wraps, reason = "all faults are called in the same way")]

use std::thread::sleep;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

use crate::faults::{Miss, Strike, between};
use crate::fleet::Fleet;
use crate::proxy::{Proxy, Way, Weather};

/// The proxies that a fault befalls: the coordinator's, the workers' or both.
fn befallen<'a>(fleet: &'a Fleet, random: &mut ChaCha8Rng) -> Vec<&'a Proxy> {
    let [coordinator, workers] = fleet.site.proxies.as_ref().expect("the round has proxies");
    match random.next_u32() % 3 {
        0 => vec![coordinator],
        1 => vec![workers],
        _ => vec![coordinator, workers],
    }
}

/// The network is as it is told to be for a while.
fn spell(fleet: &Fleet, random: &mut ChaCha8Rng, weather: Weather, time: Duration) {
    let proxies = befallen(fleet, random);
    for proxy in &proxies {
        proxy.set(weather);
    }
    sleep(time);
    for proxy in &proxies {
        proxy.heal();
    }
}

pub fn latency(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let latency = between(random, 10, 300);
    let time = between(random, 2000, 4000);
    spell(fleet, random, Weather { latency, ..Weather::default() }, time);
    Ok(Strike::once("a slow network with jitter"))
}

pub fn slices(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let slice = Some(1 + random.next_u64() as usize % 40);
    let time = between(random, 2000, 4000);
    spell(fleet, random, Weather { slice, ..Weather::default() }, time);
    Ok(Strike::once("tiny segments"))
}

pub fn black_hole(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let (holds_up, holds_down, what) = match random.next_u32() % 3 {
        0 => (true, false, "a black hole towards Redis"),
        1 => (false, true, "a black hole from Redis"),
        _ => (true, true, "a black hole both ways"),
    };
    let time = between(random, 1000, 8000);
    spell(fleet, random, Weather { holds_up, holds_down, ..Weather::default() }, time);
    Ok(Strike { repeats: 3, ..Strike::once(what) })
}

pub fn half_open(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    let (lost, what) = match random.next_u32() % 2 {
        0 => (Way::Up, "half-open: Redis has gone from the connection"),
        _ => (Way::Down, "half-open: the process has gone from the connection"),
    };
    let time = between(random, 1000, 8000);
    let proxies = befallen(fleet, random);
    for proxy in &proxies {
        proxy.cut_off(lost);
    }
    sleep(time);
    for proxy in &proxies {
        proxy.heal();
    }
    Ok(Strike { repeats: 2, ..Strike::once(what) })
}

pub fn reset(fleet: &mut Fleet, random: &mut ChaCha8Rng) -> Result<Strike, Miss> {
    for proxy in befallen(fleet, random) {
        proxy.reset();
    }
    Ok(Strike::once("every connection is reset"))
}
