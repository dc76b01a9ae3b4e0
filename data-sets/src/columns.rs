//! Which column of a file is what, by the names that are usual.

use std::collections::BTreeMap;

use search_spaces::nearest;
use simulators::{ADJUSTED, DataError, VOLUME};

/// What a column can be, beside one of numbers that are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// When a bar opens.
    Time,
    /// The hour, where the day has a column of its own.
    Hour,
    /// The first price.
    Open,
    /// The highest price.
    High,
    /// The lowest price.
    Low,
    /// The last price.
    Close,
    /// What was traded.
    Volume,
    /// The close, adjusted for splits and dividends.
    Adjusted,
    /// Of what the bar is.
    Symbol,
}

/// The roles with their names, and with the usual names of their columns, the best first: in lower
/// case, and without what is neither letter nor digit.
const ROLES: [(Role, &str, &[&str]); 9] = [
    (
        Role::Time,
        "time",
        &[
            "timestamp",
            "datetime",
            "opentime",
            "time",
            "date",
            "ts",
            "dateutc",
            "timestamputc",
            "datetimeutc",
            "unix",
            "unixtime",
            "epoch",
            "tradedate",
            "tradingdate",
            "day",
            "index",
            "indexlevel0",
            "column0",
            "unnamed0",
            "t",
            "",
        ],
    ),
    (Role::Hour, "hour", &["time", "hour"]),
    (Role::Open, "open", &["open", "openprice", "priceopen", "first", "o"]),
    (Role::High, "high", &["high", "highprice", "pricehigh", "max", "h"]),
    (Role::Low, "low", &["low", "lowprice", "pricelow", "min", "l"]),
    (Role::Close, "close", &["close", "closeprice", "priceclose", "last", "closelast", "c"]),
    (
        Role::Volume,
        VOLUME,
        &["volume", "vol", "basevolume", "tradedvolume", "tickvolume", "tickvol", "v"],
    ),
    (
        Role::Adjusted,
        ADJUSTED,
        &["adjclose", "adjustedclose", "adjcloseprice", "closeadj", "closeadjusted"],
    ),
    (Role::Symbol, "symbol", &["symbol", "ticker", "sym", "instrument", "code", "permno"]),
];

impl Role {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        let own = ROLES.iter().find(|(role, ..)| *role == self);
        own.expect("all roles are in the list").1
    }

    /// The role of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        ROLES.iter().find(|(_, own, _)| *own == name).map(|(role, ..)| *role)
    }

    /// The names of all roles.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        ROLES.iter().map(|(_, name, _)| *name).collect()
    }
}

/// The columns of a file: where those with a role are, and what the others are called here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    pub roles: BTreeMap<Role, usize>,
    /// Place and name of each.
    pub others: Vec<(usize, String)>,
}

impl Columns {
    /// Finds them among the names of the columns of `file`; `chosen` says which column has a role,
    /// whatever its name.
    pub(crate) fn find(
        names: &[String],
        chosen: &[(Role, String)],
        file: &str,
    ) -> Result<Self, DataError> {
        let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let mut roles = BTreeMap::new();
        for (role, name) in chosen {
            let Some(place) = names.iter().position(|known| known == name) else {
                let meant = nearest(name, names.iter().map(String::as_str))
                    .map_or_else(String::new, |near| format!(" (did you mean \"{near}\"?)"));
                let found = format!("no column \"{name}\"{meant}");
                let allowed = format!("one of {}", names.join(", "));
                return Err(DataError::new(file, None, role.name(), &found, &allowed));
            };
            roles.insert(*role, place);
        }
        for (role, _, usual) in &ROLES {
            if roles.contains_key(role) {
                continue;
            }
            for usual in *usual {
                let is_free = |place: usize| !roles.values().any(|taken| *taken == place);
                let mut matches =
                    (0..plain.len()).filter(|place| plain[*place] == *usual && is_free(*place));
                let Some(place) = matches.next() else { continue };
                // A column without a name is an index, and only the first can be the times.
                if usual.is_empty() && place > 0 {
                    continue;
                }
                if let Some(second) = matches.next() {
                    let found = format!("\"{}\" and \"{}\"", names[place], names[second]);
                    let allowed = format!("one column, chosen with --column {}=NAME", role.name());
                    return Err(DataError::new(file, None, role.name(), &found, &allowed));
                }
                roles.insert(*role, place);
                break;
            }
        }
        day_and_hour(&mut roles, &plain);
        for required in [Role::Time, Role::Open, Role::High, Role::Low, Role::Close] {
            if !roles.contains_key(&required) {
                let found = format!("no such column among {}", names.join(", "));
                let (_, name, usual) =
                    ROLES.iter().find(|(role, ..)| *role == required).expect("it is in the list");
                let usual: Vec<&str> =
                    usual.iter().copied().filter(|u| u.len() > 1).take(3).collect();
                let allowed =
                    format!("a column {}, in any case, or --column {name}=NAME", usual.join(", "));
                return Err(DataError::new(file, None, name, &found, &allowed));
            }
        }
        let others = others(names, &plain, &roles);
        Ok(Self { roles, others })
    }
}

/// `date` and `time` side by side are the two halves of a time.
fn day_and_hour(roles: &mut BTreeMap<Role, usize>, plain: &[String]) {
    let at = |name: &str| plain.iter().position(|plain| plain == name);
    if !roles.contains_key(&Role::Time) {
        return;
    }
    match (at("date"), at("time"), roles.get(&Role::Time)) {
        (Some(date), Some(time), Some(chosen)) if *chosen == time || *chosen == date => {
            roles.insert(Role::Time, date);
            roles.insert(Role::Hour, time);
        }
        _ => {
            // `hour` belongs to a `date` only.
            let is_date = roles.get(&Role::Time) == at("date").as_ref();
            if !is_date {
                roles.remove(&Role::Hour);
            }
        }
    }
}

/// The columns without a role, under names that a strategy can write. Further columns of times and
/// names of columns that say nothing are left out.
fn others(
    names: &[String],
    plain: &[String],
    roles: &BTreeMap<Role, usize>,
) -> Vec<(usize, String)> {
    let (_, _, times) = &ROLES[0];
    let mut others: Vec<(usize, String)> = Vec::new();
    for place in 0..names.len() {
        if roles.values().any(|taken| *taken == place) || times.contains(&plain[place].as_str()) {
            continue;
        }
        let name = identifier(&names[place]);
        let is_taken = Role::parse(&name).is_some() || others.iter().any(|(_, own)| *own == name);
        let name = if is_taken { format!("{name}_{place}") } else { name };
        others.push((place, name));
    }
    others.sort_by(|a, b| a.1.cmp(&b.1));
    others
}

/// A name in lower case, without what is neither letter nor digit, and without a number before it.
fn plain(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    let plain = plain.to_lowercase();
    plain.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned()
}

/// A name as strategies write it: small letters, digits and `_` for everything else.
fn identifier(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
    let text: String = name.trim().to_lowercase().chars().map(plain).collect();
    match text.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        true => text,
        false => format!("column_{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(names: &str, chosen: &[(Role, &str)]) -> Result<Columns, DataError> {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        let chosen: Vec<(Role, String)> =
            chosen.iter().map(|(role, name)| (*role, (*name).to_owned())).collect();
        Columns::find(&names, &chosen, "p.csv")
    }

    fn places(names: &str) -> Vec<(&'static str, usize)> {
        let columns = find(names, &[]).unwrap_or_else(|error| panic!("{error}"));
        columns.roles.iter().map(|(role, place)| (role.name(), *place)).collect()
    }

    #[test]
    fn headers_of_the_usual_sources() {
        let plain =
            [("time", 0), ("open", 1), ("high", 2), ("low", 3), ("close", 4), ("volume", 5)];
        for names in [
            "Date,Open,High,Low,Close,Volume",
            "open_time,open,high,low,close,volume",
            "timestamp,1. open,2. high,3. low,4. close,5. volume",
            "T,O,H,L,C,V",
            "column0,open,high,low,close,volume",
            "Datetime (UTC),OPEN,HIGH,LOW,CLOSE,Vol.",
        ] {
            if names.starts_with("Datetime") {
                assert_eq!(places(names)[0], ("time", 0), "{names}");
            } else {
                assert_eq!(places(names), plain, "{names}");
            }
        }
        let metatrader =
            places("<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>");
        assert_eq!(metatrader[..2], [("time", 0), ("hour", 1)]);
        assert!(metatrader.contains(&("volume", 7)));
        let yahoo = places("Date,Open,High,Low,Close,Adj Close,Volume,Ticker");
        assert!(yahoo.contains(&("adj_close", 5)) && yahoo.contains(&("symbol", 7)));
    }

    #[test]
    fn other_columns_are_kept_under_names_that_can_be_written() {
        let found = find("Date,Open,High,Low,Close,VIX Index,2nd score,tick_volume,Vol,unix", &[]);
        let others: Vec<String> =
            found.expect("valid").others.into_iter().map(|(_, name)| name).collect();
        assert_eq!(others, ["column_2nd_score", "tick_volume", "vix_index"]);
    }

    #[test]
    fn what_is_missing_or_there_twice_is_said() {
        let message = find("Date,Open,High,Low,Settle", &[]).unwrap_err().to_string();
        assert!(message.starts_with("p.csv: close: found no such column among Date"), "{message}");
        assert!(message.contains("--column close=NAME"), "{message}");
        let columns = find("Date,Open,High,Low,Settle", &[(Role::Close, "Settle")]);
        assert_eq!(columns.expect("valid").roles[&Role::Close], 4);
        let message = find("Date,Open,open,High,Low,Close", &[]).unwrap_err().to_string();
        assert!(message.contains("found \"Open\" and \"open\""), "{message}");
        let message =
            find("Date,Open,High,Low,Close", &[(Role::Close, "Clos")]).unwrap_err().to_string();
        assert!(message.contains("no column \"Clos\" (did you mean \"Close\"?)"), "{message}");
    }
}
