//! Bars as Parquet, in both directions.
//!
//! The columns are `symbol` (text), `time` (microseconds, UTC) and one of doubles for each column
//! of the bars, with nulls where a value is missing. A row group holds bars of one symbol only, so
//! that they are read as columns without a look at the symbol of every row.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::bars::{Bars, Column};

/// A row group has so many rows at most: enough to compress well, and little enough for readers
/// that hold a few at a time.
const GROUP: usize = 1 << 18;

fn schema(columns: &[Column]) -> Result<TypePtr> {
    let symbol = Type::primitive_type_builder("symbol", Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String));
    let utc = LogicalType::Timestamp { is_adjusted_to_u_t_c: true, unit: TimeUnit::MICROS };
    let time = Type::primitive_type_builder("time", Physical::INT64)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(utc));
    let mut fields = vec![Arc::new(symbol.build()?), Arc::new(time.build()?)];
    for column in columns {
        let double = Type::primitive_type_builder(&column.name, Physical::DOUBLE)
            .with_repetition(Repetition::OPTIONAL);
        fields.push(Arc::new(double.build()?));
    }
    Ok(Arc::new(Type::group_type_builder("bars").with_fields(fields).build()?))
}

/// Writes bars as Parquet; the same bars are always the same bytes. All symbols have the same
/// columns.
///
/// # Errors
/// What writing fails of.
pub fn write_bars(all: &[Bars], out: impl Write + Send) -> std::io::Result<()> {
    write(all, out).map_err(|error| match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(other) => std::io::Error::other(other),
        },
        other => std::io::Error::other(other),
    })
}

fn write(all: &[Bars], out: impl Write + Send) -> Result<()> {
    let columns = all.first().map_or(&[][..], |bars| &bars.columns[..]);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("optimize".to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(out, schema(columns)?, Arc::new(properties))?;
    for bars in all {
        for start in (0..bars.times.len()).step_by(GROUP) {
            let end = bars.times.len().min(start + GROUP);
            let mut group = writer.next_row_group()?;
            write_group(&mut group, bars, start..end)?;
            group.close()?;
        }
    }
    writer.close()?;
    Ok(())
}

fn write_group<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    bars: &Bars,
    rows: std::ops::Range<usize>,
) -> Result<()> {
    let missing = || ParquetError::General("a schema with fewer columns".to_owned());
    let mut next = group.next_column()?.ok_or_else(missing)?;
    let symbols = vec![ByteArray::from(bars.symbol.as_str()); rows.len()];
    next.typed::<ByteArrayType>().write_batch(&symbols, None, None)?;
    next.close()?;
    let mut next = group.next_column()?.ok_or_else(missing)?;
    next.typed::<Int64Type>().write_batch(&bars.times[rows.clone()], None, None)?;
    next.close()?;
    for column in &bars.columns {
        let values = &column.values[rows.clone()];
        let levels: Vec<i16> = values.iter().map(|value| i16::from(!value.is_nan())).collect();
        let known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        let mut next = group.next_column()?.ok_or_else(missing)?;
        next.typed::<DoubleType>().write_batch(&known, Some(&levels), None)?;
        next.close()?;
    }
    Ok(())
}

/// Reads what [`write_bars`] has written.
pub(super) fn read_bars(bytes: Vec<u8>) -> std::result::Result<Vec<Bars>, String> {
    read(bytes).map_err(|error| format!("no bars ({error})"))
}

fn read(bytes: Vec<u8>) -> Result<Vec<Bars>> {
    let file = SerializedFileReader::new(bytes::Bytes::from(bytes))?;
    let fields = file.metadata().file_metadata().schema_descr().columns();
    let names: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    if names.len() < 6 || names[..2] != ["symbol", "time"] {
        return Err(ParquetError::General(format!("the columns {}", names.join(", "))));
    }
    let mut all: Vec<Bars> = Vec::new();
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows())?;
        let mut symbol = Vec::new();
        get_typed_column_reader::<ByteArrayType>(group.get_column_reader(0)?).read_records(
            1,
            None,
            None,
            &mut symbol,
        )?;
        let symbol = symbol.first().map_or(Ok(""), ByteArray::as_utf8)?;
        if all.last().is_none_or(|bars| bars.symbol != symbol) {
            let columns =
                names[2..].iter().map(|name| Column { name: name.clone(), values: Vec::new() });
            let columns = columns.collect();
            all.push(Bars { symbol: symbol.to_owned(), times: Vec::new(), columns });
        }
        let bars = all.last_mut().expect("there is one now");
        get_typed_column_reader::<Int64Type>(group.get_column_reader(1)?).read_records(
            rows,
            None,
            None,
            &mut bars.times,
        )?;
        for (index, column) in bars.columns.iter_mut().enumerate() {
            let (mut known, mut levels) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
            get_typed_column_reader::<DoubleType>(group.get_column_reader(index + 2)?)
                .read_records(rows, Some(&mut levels), None, &mut known)?;
            if known.len() == rows {
                column.values.append(&mut known);
                continue;
            }
            let mut known = known.into_iter();
            let values = levels.iter().map(|level| match level {
                0 => f64::NAN,
                _ => known.next().unwrap_or(f64::NAN),
            });
            column.values.extend(values);
        }
        if bars.columns.iter().any(|column| column.values.len() != bars.times.len()) {
            return Err(ParquetError::General("columns of different lengths".to_owned()));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sets::{PRICES, VOLUME};

    fn some() -> Vec<Bars> {
        let names = PRICES.iter().chain([&VOLUME, &"vix"]);
        let bars = |symbol: &str, rows: usize| {
            let column = |(index, name): (usize, &&str)| Column {
                name: (*name).to_owned(),
                values: (0..rows).map(|row| (row * index) as f64 / 7.0).collect(),
            };
            Bars {
                symbol: symbol.to_owned(),
                times: (0_i64..).take(rows).map(|row| row * 60_000_000 - 5).collect(),
                columns: names.clone().enumerate().map(column).collect(),
            }
        };
        // More than one group, and one symbol with a single bar.
        let mut all = vec![bars("é-USD", GROUP + 3), bars("B", 1)];
        all[0].columns[5].values[GROUP] = f64::NAN;
        all[0].columns[3].values[1] = f64::NEG_INFINITY;
        all[1].columns[4].values[0] = f64::NAN;
        all
    }

    #[test]
    fn bars_come_back_as_they_were_and_are_the_same_bytes_every_time() {
        let all = some();
        let (mut bytes, mut again) = (Vec::new(), Vec::new());
        write_bars(&all, &mut bytes).expect("memory has room");
        write_bars(&all, &mut again).expect("memory has room");
        assert!(bytes == again);
        let back = read_bars(bytes).expect("bars");
        assert_eq!(crate::sets::content_hash(&back), crate::sets::content_hash(&all));
        assert!(back[0].columns[5].values[GROUP].is_nan());
        assert_eq!(back[0].columns[3].values[1], f64::NEG_INFINITY);
    }

    #[test]
    fn what_is_no_parquet_is_refused() {
        assert!(read_bars(b"Date,Open\n".to_vec()).is_err());
        let mut bytes = Vec::new();
        write_bars(&some(), &mut bytes).expect("memory has room");
        bytes.truncate(bytes.len() / 2);
        assert!(read_bars(bytes).is_err());
    }
}
