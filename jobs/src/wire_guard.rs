//! Guards as bytes.

use search_spaces::{Aggregate, Bar, Course, Forecast, Guard, Patience, Pause, Rival, Rivals};

use crate::wire::{FORECAST_VERSION, Reader, WireError, Writer};

impl Writer {
    pub(crate) fn guard(&mut self, guard: &Guard) {
        let Guard { pruner, course, bars, patience, rivals, pause } = guard;
        self.text(pruner);
        self.course(*course);
        self.list(bars, Self::bar);
        self.option(patience.as_ref(), |out, Patience { reports, least }| {
            out.u64(*reports);
            out.f64(*least);
        });
        self.option(rivals.as_ref(), |out, Rivals { level, reports, trials }| {
            out.f64(*level);
            out.u64(*reports);
            out.list(trials, Self::rival);
        });
        self.option(pause.as_ref(), |out, Pause { step, rung, unless }| {
            out.u64(*step);
            out.u64(*rung);
            out.option(unless.as_ref(), Self::forecast);
        });
    }

    fn course(&mut self, course: Course) {
        let (tag, share) = match course {
            Course::Last => (0, None),
            Course::Best => (1, None),
            Course::All(Aggregate::Mean) => (2, None),
            Course::All(Aggregate::Quantile(share)) => (3, Some(share)),
            Course::All(Aggregate::ConditionalValueAtRisk(share)) => (4, Some(share)),
        };
        self.u8(tag);
        if let Some(share) = share {
            self.f64(share);
        }
    }

    fn forecast(&mut self, Forecast { earlier, weights, ends }: &Forecast) {
        self.u64(*earlier);
        self.list(weights, |out, weights| weights.iter().for_each(|weight| out.f64(*weight)));
        self.list(ends, |out, row| out.values(row));
    }

    fn bar(&mut self, bar: &Bar) {
        let Bar { step, cohort, rows, spare, forecast, violation } = bar;
        self.u64(*step);
        self.u64(*cohort);
        self.list(rows, |out, row| out.values(row));
        self.values(spare);
        self.option(forecast.as_ref(), Self::forecast);
        self.option(violation.as_ref(), |out, most| out.f64(*most));
    }

    fn rival(&mut self, Rival { trial, reports }: &Rival) {
        self.u64(*trial);
        self.list(reports, |out, (step, values)| {
            out.u64(*step);
            out.values(values);
        });
    }

    fn values(&mut self, values: &[f64]) {
        self.list(values, |out, value| out.f64(*value));
    }
}

impl Reader<'_> {
    pub(crate) fn guard(&mut self) -> Result<Guard, WireError> {
        Ok(Guard {
            pruner: self.text()?,
            course: self.course()?,
            bars: self.list(Self::bar)?,
            patience: self
                .option(|input| Ok(Patience { reports: input.u64()?, least: input.f64()? }))?,
            rivals: self.option(|input| {
                let (level, reports) = (input.f64()?, input.u64()?);
                Ok(Rivals { level, reports, trials: input.list(Self::rival)? })
            })?,
            pause: self.option(|input| {
                let (step, rung) = (input.u64()?, input.u64()?);
                let is_known = input.version() >= FORECAST_VERSION;
                let unless = if is_known { input.option(Self::forecast)? } else { None };
                Ok(Pause { step, rung, unless })
            })?,
        })
    }

    fn course(&mut self) -> Result<Course, WireError> {
        Ok(match self.u8()? {
            0 => Course::Last,
            1 => Course::Best,
            2 => Course::All(Aggregate::Mean),
            3 => Course::All(Aggregate::Quantile(self.f64()?)),
            4 => Course::All(Aggregate::ConditionalValueAtRisk(self.f64()?)),
            _ => return Err(WireError::Damaged("unknown course")),
        })
    }

    fn bar(&mut self) -> Result<Bar, WireError> {
        let step = self.u64()?;
        Ok(Bar {
            step,
            cohort: self.u64()?,
            rows: self.list(Self::values)?,
            spare: self.values()?,
            forecast: if self.version() < FORECAST_VERSION {
                let ends = self.list(Self::values)?;
                (!ends.is_empty()).then(|| as_reported(step, ends))
            } else {
                self.option(Self::forecast)?
            },
            violation: self.option(Self::f64)?,
        })
    }

    fn forecast(&mut self) -> Result<Forecast, WireError> {
        Ok(Forecast {
            earlier: self.u64()?,
            weights: self.list(|input| Ok([input.f64()?, input.f64()?, input.f64()?]))?,
            ends: self.list(Self::values)?,
        })
    }

    fn rival(&mut self) -> Result<Rival, WireError> {
        let trial = self.u64()?;
        let reports = self.list(|input| Ok((input.u64()?, input.values()?)))?;
        Ok(Rival { trial, reports })
    }

    fn values(&mut self) -> Result<Vec<f64>, WireError> {
        self.list(Self::f64)
    }
}

/// Before there were forecasts, reports were held against what the best trials had reported by then.
fn as_reported(step: u64, reported: Vec<Vec<f64>>) -> Forecast {
    let weights = vec![[0.0, 0.0, 1.0]; reported.first().map_or(0, Vec::len)];
    Forecast { earlier: step, weights, ends: reported }
}
