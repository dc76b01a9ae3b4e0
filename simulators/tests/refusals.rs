//! Bad backtest templates: each is refused with the key, what was found and what is allowed.

mod support;

use support::{backtest_text, refusal};

const SPACE: &str = "n = { int = [1, 50] }\nlevel = { float = [0.0, 100.0] }\n\
     flag = { bool = true }\nfilter = { choice = ['none', 'rsi'] }\n\
     size = { ordinal = ['small', 'large'] }";

const DATA: &str = "data = 'stocks-daily'";

fn rule_refusal(rule: &str) -> String {
    refusal(&backtest_text(SPACE, DATA, &format!("long_entry = \"{rule}\"")))
}

/// Rules with a fault, and what the message says of it.
const EXPRESSIONS: &[(&str, &str)] = &[
    (
        "close >",
        "long_entry: found a syntax error (expected a value, found end) at column 8, allowed: a \
         condition, such as close > sma(close, 50)",
    ),
    ("close > 1 2", "found a syntax error (unexpected 2) at column 11, allowed: a condition"),
    ("close > #", "found a syntax error (unexpected '#') at column 9"),
    ("close > sma(close, 0)", "found the length 0 of 'sma' at column 20, allowed: a whole number"),
    ("close > ema(close, -3)", "found the length -3 of 'ema' at column 20"),
    ("close > highest(high, 2.5)", "found the length 2.5 of 'highest' at column 23"),
    ("rsi(close, 7 - max(7, 2)) > 5", "found the length 0 of 'rsi' at column 14"),
    ("cross_above(close, previous(close, 0/0))", "found the length NaN of 'previous' at column 37"),
    ("flag and n > lowest(sma(low, 1/0), n)", "found the length inf of 'sma' at column 31"),
    ("close > '\\u001b[2J'", "found the text '\\u{1b}[2J' at column 9"),
    ("close", "found the number 'close' at column 1, allowed: a condition"),
    ("close + 1", "found a number (of '+') at column 7, allowed: a condition"),
    ("-close", "found a number at column 1"),
    ("1", "found a number at column 1"),
    ("'text'", "found the text 'text' at column 1, allowed: a condition"),
    ("close > clsoe", "found the unknown name 'clsoe' (did you mean 'close'?) at column 9"),
    ("clase > 1", "found the unknown name 'clase' (did you mean 'close'?) at column 1"),
    ("close > foo(1)", "found the unknown function 'foo' at column 9, allowed: sma, ema"),
    ("sma(close, n)", "found a number (of 'sma') at column 1, allowed: a condition"),
    ("close > sma(close)", "found 1 argument(s) of 'sma' at column 9, allowed: 2"),
    ("cross_above(close)", "found 1 argument(s) of 'cross_above' at column 1, allowed: 2"),
    ("close > sma(close, close)", "a length of 'sma' that changes from bar to bar at column 20"),
    ("close > sma(close, sma(close, 3))", "found a length of 'sma'"),
    ("close > (open < low)", "found a condition (of '<') at column 15, allowed: a number"),
    ("close > cross_above(open, low)", "found a condition (of 'cross_above') at column 9"),
    ("close > true and flag", "found the number 'close' at column 1"),
    ("flag < true", "found an order of true and false at column 6, allowed: == or !="),
    ("close + true > 1", "found true at column 9, allowed: a number"),
    ("close > 'rsi'", "found the text 'rsi' at column 9, allowed: a number"),
    ("(not flag) > 1", "found a condition (of 'not') at column 2"),
    ("filter", "found the text 'filter' at column 1, allowed: a comparison, such as filter =="),
    ("filter == 'rs'", "found 'rs', which 'filter' never is at column 11, allowed: one of 'none'"),
    ("filter == 1", "found no text to compare 'filter' with at column 11"),
    ("filter < 'rsi'", "found an order of the choice 'filter' at column 8, allowed: == or !="),
    ("filter + 1 > 2", "found the text 'filter' at column 1, allowed: a number"),
    ("close > sma(close, filter)", "found the text 'filter' at column 20"),
    ("close > min(1)", "found 1 argument(s) of 'min'"),
];

#[test]
fn expressions_with_wrong_kinds_name_key_column_and_what_is_allowed() {
    for (rule, expected) in EXPRESSIONS {
        let message = rule_refusal(rule);
        assert!(message.contains("backtest.strategy.long_entry"), "{rule}: {message}");
        assert!(message.starts_with("t.toml:"), "{rule}: {message}");
        assert!(message.contains(expected), "{rule}: {message}");
    }
}

/// Settings with a fault, and what the message says of it.
const SETTINGS: &[(&str, &str)] = &[
    (
        "",
        "backtest.data: found nothing, allowed: \"stocks-daily\", the name of a data set, or the path",
    ),
    (
        "symbols = ['GOG']",
        "\"GOG\" which is not in the data, allowed: a list of different \
             symbols, of AAPL, FB, GOOG, IBM, MSFT",
    ),
    ("symbols = ['FB', 'FB']", "backtest.symbols: found \"FB\" again"),
    ("symbols = []", "backtest.symbols: found an empty list"),
    ("cash = 0", "backtest.cash: found 0, allowed: a number above 0"),
    ("commission = 1.0", "backtest.commission: found 1, allowed: a fraction from 0"),
    ("commission = -0.1", "backtest.commission: found -0.1"),
    ("shares = 'half'", "allowed: \"whole\", \"fractional\""),
    ("fill = 'now'", "allowed: \"next-open\", \"same-close\", \"next-close\""),
    ("at_end = 'close'", "allowed: \"last-open\", \"last-close\""),
    ("summation = 'fast'", "allowed: \"exact\", \"rolling\""),
    ("crossing = 'near'", "allowed: \"strict\", \"touch\""),
    ("statistics = 'robust'", "allowed: \"arithmetic\", \"geometric\""),
    ("periods_per_year = 0", "backtest.periods_per_year: found 0"),
    ("metrics = ['sharp']", "\"sharp\" which is no metric, allowed: a list of different metrics"),
    ("metrics = ['sharpe', 'sharpe']", "\"sharpe\" again"),
    ("metrics = []", "backtest.metrics: found an empty list"),
    ("from = '2010-13-01'", "backtest.from: found \"2010-13-01\", allowed: a date YYYY-MM-DD"),
    ("from = '2010-01-02'\nto = '2010-01-01'", "backtest.to: found 2010-01-01, before 2010-01-02"),
    ("from = 2020-01-01", "backtest.from: found no bar of AAPL between the dates"),
    ("to = 2011-01-01", "backtest.to: found no bar of FB between the dates"),
    ("comission = 0.1", "did you mean \"commission\""),
];

#[test]
fn settings_outside_their_range_are_refused() {
    let rule = "long_entry = 'close > open'";
    for (settings, expected) in SETTINGS {
        let data = if settings.is_empty() { "" } else { DATA };
        let message = refusal(&backtest_text(SPACE, &format!("{data}\n{settings}"), rule));
        assert!(message.contains(expected), "{settings}: {message}");
    }
    let absent = refusal(&backtest_text(SPACE, "data = 'none.csv'", rule));
    assert!(
        absent.contains("backtest.data: found \"none.csv\", a file that cannot be read"),
        "{absent}"
    );
}

#[test]
fn lengths_that_a_parameter_can_mend_are_left_to_the_trials() {
    for rule in ["close > sma(close, n - 1)", "close > sma(close, 0 * n)", "close > sma(close, 1)"]
    {
        let text = backtest_text(SPACE, DATA, &format!("long_entry = \"{rule}\""));
        assert!(support::open(&text).is_ok(), "{rule}");
    }
}

#[test]
fn a_strategy_needs_an_entry_and_knows_its_keys() {
    let message = refusal(&backtest_text(SPACE, DATA, "long_exit = 'flag'"));
    assert!(message.contains("found no entry, allowed: at least one of long_entry"), "{message}");
    let rules = "long_entry = 'flag'\nshort_entri = 'flag'";
    let message = refusal(&backtest_text(SPACE, DATA, rules));
    assert!(message.contains("did you mean \"short_entry\""), "{message}");
    let text = backtest_text(SPACE, DATA, "").replace("[backtest.strategy]", "");
    let message = refusal(&text);
    assert!(message.contains("backtest.strategy: found nothing, allowed: a table"), "{message}");
    let clash = backtest_text("close = { int = [1, 2] }", DATA, "long_entry = 'close > 1'");
    let message = refusal(&clash);
    assert!(message.contains("a parameter called 'close', as the prices are"), "{message}");
}

#[test]
fn what_the_data_lack_cannot_be_used() {
    let folder = std::env::temp_dir().join(format!("simulators-refusals-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let path = folder.join("p.csv");
    std::fs::write(&path, "Date,Open,High,Low,Close\n2020-01-01,1,1,1,1\n").expect("a file");
    let data = format!("data = {path:?}");
    let volume = refusal(&backtest_text(SPACE, &data, "long_entry = 'volume > 1'"));
    let adjust = format!("{data}\nadjust = true");
    let adjust = refusal(&backtest_text(SPACE, &adjust, "long_entry = 'close > 1'"));
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    assert!(volume.contains("found 'volume' at column 1"), "{volume}");
    assert!(volume.contains("the data have no volume"), "{volume}");
    assert!(adjust.contains("backtest.adjust: found true, but the data have no adjusted close"));
}

/// Keys of orders with a fault, and what the message says of it.
const ORDERS: &[(&str, &str)] = &[
    ("size = 0.5", "backtest.strategy.size: found 0.5, allowed: \"all\", or a table with one of"),
    (
        "size = { fraction = 50 }",
        "size.fraction: found 50, allowed: a fraction of the equity, such",
    ),
    ("trail = 'close'", "trail: found \"close\", but no trailing_stop"),
    (
        "partial_exits = [{ at = '5%', share = 0.7 }, { at = '9%', share = 0.7 }]",
        "partial_exits: found shares that add up to 1.4, allowed: shares of the position",
    ),
    ("size = 'half'", "backtest.strategy.size: found \"half\", allowed: \"all\", or a table"),
    ("size = { shares = 1, risk = 1 }", "backtest.strategy.size: found the keys shares, risk"),
    ("size = { risk = 0.01 }", "found a size by its risk, allowed: a strategy with stop_loss"),
    ("size = { volatility_target = 0.1 }", "size.volatility: found nothing"),
    ("size = { share = 1 }", "found the keys share"),
    ("size = { shares = -5 }", "size.shares: found -5, allowed: a number above zero"),
    ("size = { fraction = 0 }", "size.fraction: found 0, allowed: a number above zero"),
    ("size = { shares = 'close >' }", "size.shares: found a syntax error"),
    ("stop_loss = 'close > 1'", "stop_loss: found a condition (of '>') at column 7"),
    ("stop_loss = 'x%'", "stop_loss: found the unknown name 'x'"),
    ("stop_loss = '0%'", "stop_loss: found the distance 0, allowed: a distance above 0"),
    ("stop_loss = -1", "stop_loss: found the distance -1"),
    ("stop_loss = { price = 'low' }", "stop_loss.short_price: found nothing"),
    ("take_profit = {}", "take_profit: found a table without a price"),
    (
        "take_profit = { prise = 'low' }",
        "take_profit.prise: found an unknown key (did you mean \"price\"?)",
    ),
    ("trailing_stop = { price = 'low', short_price = 'high' }", "trailing_stop: found a price"),
    ("trailing_stop = []", "trailing_stop: found an empty list, allowed: a distance"),
    ("trailing_stop = { activation = '5%' }", "trailing_stop.distance: found nothing"),
    (
        "trailing_stop = [{ distance = 1 }, { distance = 2 }]",
        "trailing_stop[1].activation: found nothing, allowed: a profit",
    ),
    (
        "trailing_stop = { activation = -1, distance = 2 }",
        "trailing_stop.activation: found the distance -1, allowed: a distance from 0 on",
    ),
    (
        "trailing_stop = { distance = { price = 'low', short_price = 'high' } }",
        "trailing_stop.distance: found a price",
    ),
    (
        "size = { risk = 0.01 }\ntrailing_stop = { activation = 1, distance = 2 }",
        "found a size by its risk, allowed: a strategy with stop_loss",
    ),
    ("take_profit = [{ bars = 1 }]", "take_profit[0].at: found nothing"),
    ("take_profit = [{ at = '-1%' }]", "take_profit[0].at: found the distance -1"),
    ("take_profit = [{ at = 1 }, { at = 2 }]", "take_profit[1].bars: found nothing"),
    ("take_profit = [{ at = 1, bars = 0 }]", "take_profit[0].bars: found 0"),
    ("take_profit = [{ at = 1, minutes = 0 }]", "take_profit[0].minutes: found 0"),
    (
        "take_profit = [{ at = 1, minutes = 'close' }]",
        "take_profit[0].minutes: found a number that changes from bar to bar",
    ),
    ("take_profit = [{ at = 1, bars = 1, minutes = 1 }]", "found minutes beside bars"),
    ("take_profit = [{ after = 1, at = 1 }]", "take_profit[0].after: found an unknown key"),
    ("trail = 'low'", "trail: found \"low\", allowed: \"extreme\", \"close\""),
    ("time_stop = 0", "time_stop: found 0, allowed: a whole number of bars"),
    ("time_stop = 'close'", "time_stop: found a number that changes from bar to bar"),
    ("expires = 3", "expires: found an entry at the market"),
    ("entry = 'later'", "entry: found \"later\", allowed: \"market\", or a table"),
    ("entry = {}", "entry: found neither stop nor limit"),
    ("entry = { limit = 'low' }", "entry.short_limit: found nothing, allowed: a price"),
    ("entry = { limit = '1%', stop = 'high' }", "entry.short_stop: found nothing"),
    ("partial_exits = [{ at = '5%' }]", "partial_exits[0].share: found nothing"),
    ("partial_exits = [{ at = '5%', share = 2 }]", "partial_exits[0].share: found 2"),
    ("partial_exits = 3", "partial_exits: found 3, allowed: a list of tables"),
    ("take_proffit = '3%'", "did you mean \"take_profit\""),
];

/// Rules and models with a fault, and what the message says of it.
const MODELS: &[(&str, &str)] = &[
    (
        "preset = 'zipline'",
        "backtest.preset: found \"zipline\", allowed: \"own\", \"backtesting.py\"",
    ),
    ("same_bar = 'first'", "backtest.same_bar: found \"first\", allowed: \"stop-first\""),
    ("entry_bar = 'no'", "allowed: \"pessimistic\", \"deferred\", \"next-bar\""),
    ("reentry = 'no'", "allowed: \"same-bar\", \"next-bar\", \"after-signal\""),
    ("gaps = 'no'", "backtest.gaps: found \"no\", allowed: \"open\", \"level\""),
    ("trailing = 'no'", "allowed: \"after-bar\", \"within-bar\""),
    ("targets = 'no'", "allowed: \"touch\", \"through\""),
    ("size_at = 'no'", "allowed: \"fill\", \"decision\""),
    ("accounts = 'one'", "allowed: \"separate\", \"shared\""),
    ("reports = -1", "backtest.reports: found -1, allowed: a whole number from 0"),
    (
        "detail = ['none.csv']\nsame_bar = 'drill-down'",
        "backtest.detail: found \"none.csv\", a file that cannot be read",
    ),
    (
        "detail = ['stocks-daily']\nsame_bar = 'drill-down'",
        "backtest.detail: found \"stocks-daily\", whose bars of AAPL all begin where bars \
         begin that they are to refine, allowed: bars that are finer",
    ),
    (
        "detail = ['none.csv']",
        "backtest.detail: found finer bars that no rule looks into, allowed: same",
    ),
    (
        "same_bar = 'drill-down'",
        "backtest.same_bar: found \"drill-down\", but no finer bars, allowed: d",
    ),
    ("events = 'none.csv'", "backtest.events: found \"none.csv\", a file that cannot be read"),
    (
        "execution.slippage = 0.001",
        "slippage: found 0.001, allowed: a table with fixed, fraction or",
    ),
    ("execution.fees = 0.001", "fees: found 0.001, allowed: a table with per_share, per_order"),
    (
        "execution.latency = 1.5",
        "latency: found 1.5, allowed: a whole number of bars from 0 to 1000, or",
    ),
    (
        "risk.max_position = 20",
        "max_position: found 20, allowed: a fraction of the equity, such as 0.2",
    ),
    ("execution.spread = 1", "backtest.execution.spread: found 1, allowed: a fraction from 0"),
    ("execution.slippage.fixd = 1", "did you mean \"fixed\""),
    ("execution.latency = -1", "backtest.execution.latency: found -1, allowed: a whole number"),
    ("execution.latency = [0]", "backtest.execution.latency: found [0.0]"),
    ("execution.volume_share = 2", "backtest.execution.volume_share: found 2"),
    ("execution.fees.maker = 3", "backtest.execution.fees.maker: found 3"),
    ("execution.fees.tiers = [{ from = 5 }, { from = 5 }]", "fees.tiers[1].from: found 5"),
    ("execution.fees.tiers = []", "fees.tiers: found an empty list, allowed: at least one tier"),
    ("risk.max_gross = 0", "backtest.risk.max_gross: found 0, allowed: a number above 0"),
    ("risk.max_positions = 0", "backtest.risk.max_positions: found 0"),
    ("risk.drawdown_stop = 1", "backtest.risk.drawdown_stop: found 1"),
    ("risk.drawdown = 0.1", "backtest.risk.drawdown: found an unknown key"),
];

#[test]
fn orders_and_models_with_a_fault_are_refused() {
    let rules = "long_entry = 'close > open'\nshort_entry = 'close < open'\n";
    for (order, expected) in ORDERS {
        let message = refusal(&backtest_text(SPACE, DATA, &format!("{rules}{order}")));
        assert!(message.contains(expected), "{order}: {message}");
    }
    for (model, expected) in MODELS {
        let message = refusal(&backtest_text(SPACE, &format!("{DATA}\n{model}"), rules));
        assert!(message.contains(expected), "{model}: {message}");
    }
}

#[test]
fn an_entry_that_is_not_spelled_right_is_named() {
    for (key, meant) in [("long_enrty", "long_entry"), ("shortentry", "short_entry")] {
        let message = refusal(&backtest_text(SPACE, DATA, &format!("{key} = 'close > 1'")));
        let expected =
            format!("backtest.strategy.{key}: found an unknown key (did you mean \"{meant}\"?)");
        assert!(message.contains(&expected), "{message}");
    }
    let message = refusal(&backtest_text(SPACE, DATA, "long_exit = 'close > 1'"));
    assert!(message.contains("backtest.strategy.long_entry: found no entry"), "{message}");
}
