#!/usr/bin/env python3
"""Sweeps of backtests by `optimize`, beside vectorbt and backtesting.py.

`scripts/bench backtests` starts this with the program, the example `sweep` and a folder that it
removes afterwards. All run on 200,000 bars of one random walk, on one core; with the peers a
crossover is compared trade by trade first, by the rules of that peer (`preset`). A peer that cannot
be had is a line that says why, and one that trades otherwise is a failure.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

BARS = 200_000
CASH = 1e9
COMMISSION = 0.0001
ROUNDS = 5
#: Megabytes by which memory may grow from 1,000 trials to 10,000; more is a leak.
GROWTH = 32
#: Longer than any peer needs, so that one that hangs is left out.
PATIENCE = 600
#: The pairs of lengths that are swept, and those that a peer has time for.
GRID = "fast = { int = [20, 110], step = 10 }\nslow = { int = [200, 650], step = 50 }"
BUSY = "fast = { int = [5, 50], step = 5 }\nslow = { int = [60, 240], step = 20 }"
LARGE = "fast = { int = [11, 110] }\nslow = { int = [155, 650], step = 5 }"
FEW = [(20, 200), (20, 250), (30, 200), (30, 250)]
PEERS = {"vectorbt": "vectorbt==1.2.0", "backtesting.py": "backtesting==0.6.6"}

TEMPLATE = """\
name = "{name}"
simulator = "backtest"
[objectives]
sharpe = "maximize"
[space]
{space}
[backtest]
data = "walk.csv"
cash = {cash}
{settings}
[backtest.strategy]
long_entry = "cross_above(sma(close, fast), sma(close, slow))"
{rules}
"""
BELOW = "cross_below(sma(close, fast), sma(close, slow))"
LONG = f'long_exit = "{BELOW}"'
BOTH = f'short_entry = "{BELOW}"'
SHARED = 'accounts = "shared"\nsymbols = ["AAPL", "GOOG", "IBM", "MSFT"]'
BRACKET = f'{LONG}\nstop_loss = "2%"\ntake_profit = "3%"'
DEEP = '''long_exit = """ema(close, fast) < ema(close, slow) * 0.999 or adx(14) < 10 or \\
    rsi(close, fast) > 75 or cci(20) > 200 or willr(14) > -5 or close > bbands_upper(close, slow, 3) or \\
    macd_hist(close) < -2 * atr(14) or zscore(close, slow) > 3 or close@1h < sma(close, 20)@1h or \\
    roc(close, fast) < -2"""'''


class NotMeasured(Exception):
    """Why a peer has no figure."""


def walk(path: Path) -> None:
    """Minutes of a random walk of whole numbers, whose sums are exact in any order."""
    state, price = 1, 100_000

    def below(limit: int) -> int:
        nonlocal state
        state = (state * 6_364_136_223_846_793_005 + 1_442_695) % (1 << 64)
        return (state >> 33) % limit

    with path.open("w") as file:
        file.write("Date,Open,High,Low,Close\n")
        for bar in range(BARS):
            start, price = price, max(price + below(401) - 200, 1000)
            high, low = max(start, price) + below(100), min(start, price) - below(100)
            day = bar // 1440
            date = f"{2000 + day // 336}-{day // 28 % 12 + 1:02}-{day % 28 + 1:02}"
            time_of_day = f"{bar // 60 % 24:02}:{bar % 60:02}"
            file.write(f"{date} {time_of_day},{start},{high},{low},{price}\n")


def template(folder: Path, name: str, rules: str, settings: str = "", space: str = GRID) -> Path:
    path = folder / f"{name}.toml"
    values = {"name": name, "space": space, "settings": settings, "rules": rules, "cash": CASH}
    path.write_text(TEMPLATE.format(**values))
    return path


def run(words: list[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"it was not done after {PATIENCE} s") from None
    if done.returncode != 0:
        raise NotMeasured((done.stderr.strip() or done.stdout.strip()).splitlines()[-1])
    return done.stdout


def sweep(program: str, path: Path, trials: int = 500, rounds: int = ROUNDS) -> dict:
    words = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
    return json.loads(run([*words, program, str(path), str(trials), str(rounds)]))


def ours(program: str, folder: Path) -> None:
    rows = [
        ("signals, long, fractions of shares", LONG, 'shares = "fractional"', GRID),
        ("signals, long, whole shares", LONG, "", GRID),
        ("signals, long and short", BOTH, "", GRID),
        ("signals, long, trading three times as often", LONG, "", BUSY),
        ("stop and target", BRACKET, "", GRID),
        ("ten expressions deep", DEEP, "", "fast = { int = [20, 30], step = 10 }\nslow = 200"),
    ]
    print(f"== {BARS:,} bars, twelve metrics, one core")
    print(f"{'':46}{'ms a trial':>12}{'M bars/s':>10}{'trades':>8}{'MB held':>9}")
    for number, (name, rules, settings, space) in enumerate(rows):
        space = space.replace("slow = 200", "slow = { int = [200, 200] }")
        path = template(folder, f"row-{number}", rules, settings, space)
        done = sweep(program, path)
        speed = done["bars"] / done["seconds"] / 1e6
        held = done["peak_megabytes"] or float("nan")
        print(f"{name:46}{done['seconds'] * 1e3:12.3f}{speed:10,.0f}{done['trades']:8,}{held:9.0f}")
    print(flush=True)


def memory(optimize: str, program: str, folder: Path) -> bool:
    """Prints what is held after 1,000 trials and after 10,000; false where it goes on growing."""
    shared = template(folder, "shared", BOTH, SHARED, BUSY)
    shared.write_text(shared.read_text().replace('"walk.csv"', '"stocks-daily"'))
    print("== memory after 1,000 trials, and how much more after 10,000")
    grown = []
    rows = [("signals", folder / "row-1.toml"), ("stop and target", folder / "row-4.toml"),
            ("several symbols in one account", shared)]
    for name, path in rows:
        done = sweep(program, path, 1_000, 9)
        grown.append(done["peak_megabytes"] - done["warm_megabytes"])
        print(f"{name:46}{done['warm_megabytes']:6.0f} MB{grown[-1]:+8.1f} MB", flush=True)
    path = template(folder, "ten-thousand", LONG, space=LARGE)
    few, _ = study(optimize, path, folder, 1_000)
    most, seconds = study(optimize, path, folder, 10_000)
    grown.append(most - few)
    print(f"{'optimize start, 100 by 100 lengths, one thread':46}{few:6.0f} MB{most - few:+8.1f} MB; "
          f"{seconds:.1f} s, {10_000 * BARS / seconds / 1e6:,.0f} M bars/s with everything\n",
          flush=True)
    is_flat = max(grown) <= GROWTH
    if not is_flat:
        print(f"memory grows by more than {GROWTH} MB", flush=True)
    return is_flat


def study(optimize: str, path: Path, folder: Path, trials: int) -> tuple[float, float]:
    """The most megabytes that a study of so many trials holds, and its seconds."""
    words = [optimize, "start", "--template", str(path), "--algorithm", "grid", "--quiet"]
    words += ["--format", "json", "--store", str(folder / f"store-{trials}"), "--threads", "1"]
    began = time.monotonic()
    process = subprocess.Popen([*words, "--trials", str(trials)], stdout=subprocess.PIPE, text=True)
    status = json.loads(process.stdout.read())
    _, code, usage = os.wait4(process.pid, 0)
    assert code == 0 and status["evaluated"] == trials, status
    return usage.ru_maxrss / 1024, time.monotonic() - began


def peers(program: str, folder: Path) -> bool:
    """Prints a line for each peer; false where one trades otherwise."""
    agrees = True
    print(f"== a crossover, long, commission {COMMISSION}, beside peers; ratios of time per trial")
    for name, package in PEERS.items():
        try:
            python = install(package, folder)
            theirs = json.loads(run([str(python), __file__, "--peer", name, str(folder)]))
        except NotMeasured as reason:
            print(f"{name:16} not measured: {reason}", flush=True)
            continue
        found = []
        for fast, slow in FEW:
            space = f"fast = {{ int = [{fast}, {fast}] }}\nslow = {{ int = [{slow}, {slow}] }}"
            settings = f'preset = "{name}"\ncommission = {COMMISSION}\nmetrics = {METRICS}'
            found.append(sweep(program, template(folder, "peer", LONG, settings, space), 1, 1))
        difference = parity(found, theirs["results"])
        if difference:
            agrees = False
            print(f"{name:16} differs: {difference}", flush=True)
            continue
        settings = f'preset = "{name}"\ncommission = {COMMISSION}'
        mine = sweep(program, template(folder, "peer", LONG, settings))["seconds"]
        seconds = statistics.median(theirs["seconds"])
        trades = sum(len(each["first"]["trades"]) for each in found)
        print(f"{name:16} {trades:,} trades and {len(FEW)} equities agree; {seconds * 1e3:,.1f} ms a "
              f"trial, {BARS / seconds / 1e6:,.2f} M bars/s, {theirs['peak_megabytes']:,.0f} MB; "
              f"optimize: {mine * 1e3:.3f} ms, {seconds / mine:,.0f} times as fast", flush=True)
    return agrees


METRICS = '["equity_final", "sharpe"]'


def parity(found: list[dict], expected: list[dict]) -> str | None:
    for (fast, slow), mine, theirs in zip(FEW, found, expected, strict=True):
        where = f"lengths {fast} and {slow}"
        trades = mine["first"]["trades"]
        if len(trades) != len(theirs["trades"]):
            return f"{where}: {len(trades)} trades, not {len(theirs['trades'])}"
        for number, (a, b) in enumerate(zip(trades, theirs["trades"])):
            if a[:2] != b[:2] or any(abs(x - y) > 1e-8 * abs(y) for x, y in zip(a[2:], b[2:])):
                return f"{where}, trade {number}: {a}, not {b}"
        final = mine["first"]["metrics"]["equity_final"]
        if abs(final - theirs["final"]) > 1e-8 * theirs["final"]:
            return f"{where}: equity {final}, not {theirs['final']}"
    return None


def install(package: str, folder: Path) -> Path:
    """The interpreter of a virtual environment with the package."""
    environment = folder / package.split("=")[0]
    python = environment / "bin" / "python"
    if not python.exists():
        run([os.path.realpath(sys.executable), "-m", "venv", str(environment)])
        options = ["--quiet", "--disable-pip-version-check", "--retries", "1"]
        run([str(python), "-m", "pip", "install", *options, package])
    return python


def peer(name: str, folder: Path) -> dict:
    """What a peer makes of the few pairs; runs in its own interpreter."""
    import numpy
    import pandas

    data = pandas.read_csv(folder / "walk.csv", index_col="Date", parse_dates=True).astype(float)
    close = data["Close"]

    def crosses(fast: int, slow: int) -> tuple:
        a, b = (close.rolling(length).mean().to_numpy() for length in (fast, slow))
        above, below = a > b, a < b
        first = numpy.array([False])
        up = numpy.concatenate([first, above[1:] & below[:-1]])
        return up, numpy.concatenate([first, below[1:] & above[:-1]])

    measure = {"vectorbt": of_vectorbt, "backtesting.py": of_backtesting}[name]
    measure(data, crosses)  # what is compiled at the first call does not count
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        results = measure(data, crosses)
        seconds.append((time.perf_counter() - began) / len(FEW))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"results": results, "seconds": seconds, "peak_megabytes": peak}


def of_vectorbt(data, crosses) -> list[dict]:
    import numpy
    import vectorbt

    ups, downs = zip(*(crosses(fast, slow) for fast, slow in FEW))
    for down in downs:
        down[-1] = True  # what is open at the end is closed there, with its commission
    folio = vectorbt.Portfolio.from_signals(
        data["Close"], numpy.column_stack(ups), numpy.column_stack(downs),
        init_cash=CASH, fees=COMMISSION, freq="1min")
    trades = folio.trades
    for metric in (folio.total_return, folio.annualized_return, folio.sharpe_ratio,
                   folio.sortino_ratio, folio.calmar_ratio, folio.max_drawdown,
                   folio.annualized_volatility, trades.count, trades.win_rate,
                   trades.profit_factor):
        metric()
    finals = folio.final_value().to_numpy()
    records = trades.records
    columns = ["entry_idx", "exit_idx", "size", "entry_price", "exit_price"]
    return [
        {"final": float(final), "trades": records[records["col"] == column][columns]
            .to_numpy().tolist()}
        for column, final in enumerate(finals)
    ]


def of_backtesting(data, crosses) -> list[dict]:
    import warnings

    from backtesting import Backtest, Strategy

    warnings.simplefilter("ignore")

    class Crossover(Strategy):
        lengths = FEW[0]

        def init(self):
            up, down = crosses(*self.lengths)
            self.up = self.I(lambda: up.astype(float), plot=False)
            self.down = self.I(lambda: down.astype(float), plot=False)

        def next(self):
            if self.up[-1] and not self.position:
                self.buy()
            elif self.down[-1] and self.position:
                self.position.close()

    backtest = Backtest(data, Crossover, cash=CASH, commission=COMMISSION, finalize_trades=True)
    results = []
    for pair in FEW:
        stats = backtest.run(lengths=pair)
        trades = stats["_trades"].sort_values("EntryBar")
        columns = ["EntryBar", "ExitBar", "Size", "EntryPrice", "ExitPrice"]
        results.append({"final": float(stats["Equity Final [$]"]),
                        "trades": trades[columns].to_numpy().tolist()})
    return results


def main() -> int:
    if sys.argv[1] == "--peer":
        print(json.dumps(peer(sys.argv[2], Path(sys.argv[3]))))
        return 0
    optimize, program, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    walk(folder / "walk.csv")
    ours(program, folder)
    is_flat = memory(optimize, program, folder)
    return 0 if peers(program, folder) and is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
