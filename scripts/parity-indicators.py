#!/usr/bin/env python3
"""Writes simulators/tests/parity/indicators.json: reference values of indicators.

Usage: python3 scripts/parity-indicators.py > simulators/tests/parity/indicators.json

Needs TA-Lib 0.6 or newer, numpy and pandas from PyPI. The prices are the built-in ones of IBM as
they were traded, first 300 bars. Each entry is an expression of the strategy language with its values at
some of the bars; null where it is not known yet. "settled" has the values at the last bar.
"""

import json
import pathlib

import numpy as np
import pandas as pd
import talib

BARS = 300
AT = sorted(set(range(0, 60)) | set(range(60, BARS, 13)) | {BARS - 1})

root = pathlib.Path(__file__).resolve().parent.parent
data = pd.read_csv(root / "simulators/data/stocks-daily.csv.gz")
data.columns = [name.strip().lower().replace(" ", "") for name in data.columns]
symbol = "ticker" if "ticker" in data.columns else "symbol"
data = data[data[symbol] == "IBM"].head(BARS).reset_index(drop=True)
o, h, l, c = (data[name].to_numpy() for name in ("open", "high", "low", "close"))
v = data["volume"].to_numpy(dtype=float)
pc, ph, pl = pd.Series(c), pd.Series(h), pd.Series(l)
typical = (h + l + c) / 3
middle = lambda n: ((ph.rolling(n).max() + pl.rolling(n).min()) / 2).to_numpy()
shifted = lambda values, n: pd.Series(values).shift(n).to_numpy()

cases = {
    "sma(close, 20)": talib.SMA(c, 20),
    "wma(close, 15)": talib.WMA(c, 15),
    "rsi(close, 14)": talib.RSI(c, 14),
    "highest(high, 10)": talib.MAX(h, 10),
    "lowest(low, 10)": talib.MIN(l, 10),
    "sum(volume, 7)": talib.SUM(v, 7),
    "stddev(close, 20)": talib.STDDEV(c, 20, 1),
    "std(close, 20)": pc.rolling(20).std().to_numpy(),
    "median(close, 8)": pc.rolling(8).median().to_numpy(),
    "rank(close, 10)": pc.rolling(10).rank(pct=True).to_numpy(),
    "zscore(close, 20)": ((pc - pc.rolling(20).mean()) / pc.rolling(20).std()).to_numpy(),
    "mom(close, 10)": talib.MOM(c, 10),
    "roc(close, 10)": talib.ROC(c, 10),
    "typical()": talib.TYPPRICE(h, l, c),
    "true_range()": talib.TRANGE(h, l, c),
    "atr(14)": talib.ATR(h, l, c, 14),
    "natr(5)": talib.NATR(h, l, c, 5),
    "plus_di(14)": talib.PLUS_DI(h, l, c, 14),
    "minus_di(14)": talib.MINUS_DI(h, l, c, 14),
    "dx(14)": talib.DX(h, l, c, 14),
    "adx(14)": talib.ADX(h, l, c, 14),
    "cci(20)": talib.CCI(h, l, c, 20),
    "willr(14)": talib.WILLR(h, l, c, 14),
    "obv()": talib.OBV(c, v),
    "mfi(14)": talib.MFI(h, l, c, v, 14),
}
upper, centre, lower = talib.BBANDS(c, 20, 2, 2)
cases["bbands_upper(close)"] = upper
cases["bbands_middle(close)"] = centre
cases["bbands_lower(close)"] = lower
cases["bbands_percent(close)"] = (c - lower) / (upper - lower)
cases["bbands_width(close)"] = (upper - lower) / centre
# TA-Lib leaves out the first bars of k for which d is not known; hence a d of one bar for k.
cases["stochf_k(14)"], _ = talib.STOCHF(h, l, c, 14, 1)
_, cases["stochf_d(14, 3)"] = talib.STOCHF(h, l, c, 14, 3)
cases["stoch_k(14, 3)"], _ = talib.STOCH(h, l, c, 14, 3, 0, 1)
_, cases["stoch_d(14, 3, 5)"] = talib.STOCH(h, l, c, 14, 3, 0, 5)

ewm = lambda values, n: pd.Series(values).ewm(span=n, adjust=False, min_periods=n).mean()
cases["ema(close, 12)"] = ewm(c, 12).to_numpy()
macd = ewm(c, 12) - ewm(c, 26)
signal = macd[25:].ewm(span=9, adjust=False, min_periods=9).mean().reindex(macd.index)
cases["macd(close)"] = macd.to_numpy()
cases["macd_signal(close)"] = signal.to_numpy()
cases["macd_hist(close)"] = (macd - signal).to_numpy()
cases["macd(close, 5, 35)"] = (ewm(c, 5) - ewm(c, 35)).to_numpy()
cases["keltner_upper(20, 1.5, 10)"] = (ewm(c, 20) + 1.5 * talib.ATR(h, l, c, 10)).to_numpy()
cases["keltner_lower()"] = (ewm(c, 20) - 2 * talib.ATR(h, l, c, 10)).to_numpy()
cases["keltner_middle(20)"] = ewm(c, 20).to_numpy()
wilder = pd.Series(c).copy()
wilder[:9], wilder[9] = np.nan, c[:10].mean()
for bar in range(10, BARS):
    wilder[bar] = (wilder[bar - 1] * 9 + c[bar]) / 10
cases["rma(close, 10)"] = wilder.to_numpy()
cases["donchian_upper(20)"] = talib.MAX(h, 20)
cases["donchian_middle()"] = middle(20)
cases["donchian_lower(20)"] = talib.MIN(l, 20)
cases["ichimoku_conversion()"] = middle(9)
cases["ichimoku_base()"] = middle(26)
cases["ichimoku_a()"] = shifted((middle(9) + middle(26)) / 2, 26)
cases["ichimoku_b()"] = shifted(middle(52), 26)
value = pd.Series(typical * v)
cases["rolling_vwap(20)"] = (value.rolling(20).sum() / pd.Series(v).rolling(20).sum()).to_numpy()
cases["vwap()"] = typical
cases["previous(close, 5)"] = shifted(c, 5)
cases["log(close)"] = np.log(c)

# Supertrend, as TradingView's ta.supertrend: the trend begins downward.
atr, trend, up = talib.ATR(h, l, c, 10), np.full(BARS, np.nan), np.full(BARS, np.nan)
low_band = high_band = None
direction = -1
for bar in range(10, BARS):
    below, above = (h[bar] + l[bar]) / 2 - 3 * atr[bar], (h[bar] + l[bar]) / 2 + 3 * atr[bar]
    if low_band is not None:
        below = below if below > low_band or c[bar - 1] < low_band else low_band
        above = above if above < high_band or c[bar - 1] > high_band else high_band
    low_band, high_band = below, above
    if direction == 1:
        direction = -1 if c[bar] < low_band else 1
    else:
        direction = 1 if c[bar] > high_band else -1
    trend[bar], up[bar] = (low_band if direction == 1 else high_band), direction
cases["supertrend()"], cases["supertrend_direction()"] = trend, up

# TA-Lib's exponential averages begin with a mean, ours with the first value: only what is left of
# that at the end can be compared.
settled = {"ema(close, 12)": talib.EMA(c, 12)}
settled["macd(close, 3, 8)"], settled["macd_signal(close, 3, 8, 4)"], _ = talib.MACD(c, 3, 8, 4)

number = lambda x: None if np.isnan(x) else float(x)
table = {text: [number(values[bar]) for bar in AT] for text, values in cases.items()}
source = f"TA-Lib {talib.__ta_version__.decode().split()[0]} and pandas {pd.__version__}"
print("{")
print(f' "source": {json.dumps(source)},\n "symbol": "IBM",\n "bars": {BARS},\n "at": {json.dumps(AT)},')
print(' "values": {')
print(",\n".join(f"  {json.dumps(text)}: {json.dumps(values)}" for text, values in table.items()))
print(" },")
late = {text: number(values[-1]) for text, values in settled.items()}
print(f' "settled": {json.dumps(late)}\n}}')
