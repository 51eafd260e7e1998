//! Features from Parquet.

use std::fs::File;
use std::path::Path;

use chrono::{DateTime, Utc};
use parquet::basic::Type as Physical;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{BoolType, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::{Dataset, DatasetError, Label, Row};
use crate::model::{ROWS_MAX, WIDTH_MAX};

/// Most bytes of a file: the most rows of a dozen features, uncompressed.
pub const PARQUET_MAX_BYTES: u64 = 1 << 30;
/// Before the features.
const FIRST: [(&str, Physical); 4] = [
    ("entity", Physical::BYTE_ARRAY),
    ("event_time", Physical::INT64),
    ("created_time", Physical::INT64),
    ("schema_version", Physical::INT32),
];
/// After the features.
const LAST: [(&str, Physical); 2] = [
    ("label", Physical::BOOLEAN),
    ("label_time", Physical::INT64),
];

/// Reads rows as [`super::write_parquet`] writes them.
///
/// # Errors
/// [`DatasetError`] when the file is no such export, too long, of several versions of the features,
/// or a row's label has no time.
pub fn read_parquet(path: &Path) -> Result<Dataset, DatasetError> {
    let failed = |source| DatasetError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    limit(path, "bytes", length, PARQUET_MAX_BYTES)?;
    let parquet = |error: ParquetError| DatasetError::Parquet {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let reader = SerializedFileReader::new(file).map_err(parquet)?;
    let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(u64::MAX);
    limit(path, "rows", rows, ROWS_MAX as u64)?;
    let names = names(&reader).map_err(|reason| DatasetError::Columns {
        path: path.to_owned(),
        reason,
    })?;
    let mut dataset = Dataset {
        schema_version: 0,
        names,
        rows: Vec::new(),
    };
    for index in 0..reader.num_row_groups() {
        let group = reader.get_row_group(index).map_err(parquet)?;
        let read = read_group(group.as_ref(), &mut dataset).map_err(parquet)?;
        read.map_err(|reason| DatasetError::Columns {
            path: path.to_owned(),
            reason,
        })?;
        limit(path, "rows", dataset.rows.len() as u64, ROWS_MAX as u64)?;
    }
    Ok(dataset)
}

fn limit(path: &Path, what: &'static str, given: u64, most: u64) -> Result<(), DatasetError> {
    if given > most {
        return Err(DatasetError::TooMany {
            path: path.to_owned(),
            what,
            given,
            most,
        });
    }
    Ok(())
}

/// The names of the features, when the columns are those of an export.
fn names(reader: &SerializedFileReader<File>) -> Result<Vec<String>, String> {
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let features = columns.len().saturating_sub(FIRST.len() + LAST.len());
    if !(1..=WIDTH_MAX).contains(&features) {
        let least = FIRST.len() + LAST.len();
        return Err(format!(
            "{} columns, an export has {least} and 1 to {WIDTH_MAX} features",
            columns.len()
        ));
    }
    let feature = |_| ("", Physical::DOUBLE);
    let wanted = FIRST
        .into_iter()
        .chain((0..features).map(feature))
        .chain(LAST);
    let mut names = Vec::with_capacity(features);
    for (index, (column, (name, physical))) in columns.iter().zip(wanted).enumerate() {
        let is_feature = (FIRST.len()..FIRST.len() + features).contains(&index);
        let is_plain = column.max_rep_level() == 0
            && column.max_def_level() <= 1
            && column.path().parts().len() == 1;
        let is_named = is_feature || column.name() == name;
        if column.physical_type() != physical || !is_named || !is_plain {
            return Err(format!(
                "column {} is `{}` of type {}, expected {physical}{}",
                index + 1,
                column.name(),
                column.physical_type(),
                if is_feature {
                    String::new()
                } else {
                    format!(" `{name}`")
                }
            ));
        }
        if is_feature {
            names.push(column.name().to_owned());
        }
    }
    Ok(names)
}

/// Adds the rows of a group. The inner error is what its columns hold.
fn read_group(
    group: &dyn RowGroupReader,
    dataset: &mut Dataset,
) -> Result<Result<(), String>, ParquetError> {
    let width = dataset.names.len();
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let entities = whole::<ByteArrayType>(group, 0, rows)?;
    let event_times = whole::<Int64Type>(group, 1, rows)?;
    let created_times = whole::<Int64Type>(group, 2, rows)?;
    let versions = whole::<Int32Type>(group, 3, rows)?;
    let features = (0..width)
        .map(|index| whole::<DoubleType>(group, FIRST.len() + index, rows))
        .collect::<Result<Vec<_>, _>>()?;
    let labels = nullable::<BoolType>(group, FIRST.len() + width, rows)?;
    let label_times = nullable::<Int64Type>(group, FIRST.len() + width + 1, rows)?;
    let first = versions.first().copied().unwrap_or_default();
    if dataset.rows.is_empty() {
        dataset.schema_version = u16::try_from(first).unwrap_or_default();
    }
    if versions
        .iter()
        .any(|v| *v != i32::from(dataset.schema_version))
    {
        return Ok(Err(
            "`schema_version` is not the same in all rows".to_owned()
        ));
    }
    for index in 0..rows {
        let label = match (labels[index], label_times[index]) {
            (None, None) => None,
            (Some(is_risk), Some(micros)) => time(micros).map(|time| Label { is_risk, time }),
            _ => return Ok(Err("`label` and `label_time` are not both given".to_owned())),
        };
        let (Some(event_time), Some(created_time)) =
            (time(event_times[index]), time(created_times[index]))
        else {
            return Ok(Err("a time is out of range".to_owned()));
        };
        let Ok(entity) = entities[index].as_utf8() else {
            return Ok(Err("`entity` is not UTF-8".to_owned()));
        };
        dataset.rows.push(Row {
            entity: entity.to_owned(),
            event_time,
            created_time,
            features: features.iter().map(|column| column[index]).collect(),
            label,
        });
    }
    Ok(Ok(()))
}

fn time(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

/// All values of a column, of which none may be null.
fn whole<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
    rows: usize,
) -> Result<Vec<T::T>, ParquetError> {
    let values: Option<Vec<T::T>> = nullable::<T>(group, column, rows)?.into_iter().collect();
    values.ok_or_else(|| ParquetError::General(format!("column {} has nulls", column + 1)))
}

/// All values of a column.
fn nullable<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
    rows: usize,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let is_optional = group
        .metadata()
        .column(column)
        .column_descr()
        .max_def_level()
        > 0;
    let mut reader = get_typed_column_reader::<T>(group.get_column_reader(column)?);
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let into = is_optional.then_some(&mut levels);
        let (more, _, _) = reader.read_records(rows - read, into, None, &mut values)?;
        if more == 0 {
            let detail = format!("column {} ends after {read} of {rows} rows", column + 1);
            return Err(ParquetError::EOF(detail));
        }
        read += more;
    }
    let mut values = values.into_iter();
    if !is_optional {
        return Ok(values.map(Some).collect());
    }
    Ok(levels
        .iter()
        .map(|level| if *level > 0 { values.next() } else { None })
        .collect())
}
