//! Features to Parquet.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{Dataset, DatasetError, Row};
use crate::artefact::sync_folder;

/// Rows of a row group: what is buffered at a time.
const GROUP_ROWS: usize = 65_536;

/// Writes rows as Parquet (snappy): `entity`, `event_time`, `created_time`, `schema_version`, a
/// double for each feature by its name, `label` and `label_time` (null where unknown). Times are
/// microseconds in UTC. A crash leaves the file as it was before.
///
/// # Errors
/// [`DatasetError`] when the file cannot be written.
pub fn write_parquet(dataset: &Dataset, path: &Path) -> Result<(), DatasetError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let failed = |source| DatasetError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::create(&beside).map_err(failed)?;
    let durable = file.try_clone().map_err(failed)?;
    write_all(dataset, file).map_err(|error| DatasetError::Parquet {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    durable.sync_all().map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)?;
    sync_folder(path.parent()).map_err(failed)
}

fn write_all(dataset: &Dataset, file: File) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(&schema(&dataset.names))?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("aim".to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
    for rows in dataset.rows.chunks(GROUP_ROWS) {
        let mut group = writer.next_row_group()?;
        write_group(&mut group, dataset, rows)?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}

fn schema(names: &[String]) -> String {
    let features: String = names
        .iter()
        .map(|name| format!("required double {name};\n"))
        .collect();
    format!(
        "message features {{
            required binary entity (STRING);
            required int64 event_time (TIMESTAMP(MICROS,true));
            required int64 created_time (TIMESTAMP(MICROS,true));
            required int32 schema_version;
            {features}
            optional boolean label;
            optional int64 label_time (TIMESTAMP(MICROS,true));
        }}"
    )
}

fn write_group(
    group: &mut SerializedRowGroupWriter<'_, File>,
    dataset: &Dataset,
    rows: &[Row],
) -> Result<(), ParquetError> {
    let entities: Vec<ByteArray> = rows.iter().map(|r| r.entity.as_str().into()).collect();
    column::<ByteArrayType>(group, &entities, None)?;
    let times: Vec<i64> = rows
        .iter()
        .map(|r| r.event_time.timestamp_micros())
        .collect();
    column::<Int64Type>(group, &times, None)?;
    let times: Vec<i64> = rows
        .iter()
        .map(|r| r.created_time.timestamp_micros())
        .collect();
    column::<Int64Type>(group, &times, None)?;
    let versions = vec![i32::from(dataset.schema_version); rows.len()];
    column::<Int32Type>(group, &versions, None)?;
    for index in 0..dataset.names.len() {
        let missing = || ParquetError::General("a row has fewer values than names".to_owned());
        let values: Vec<f64> = rows
            .iter()
            .map(|row| row.features.get(index).copied().ok_or_else(missing))
            .collect::<Result<_, _>>()?;
        column::<DoubleType>(group, &values, None)?;
    }
    let known: Vec<i16> = rows.iter().map(|r| i16::from(r.label.is_some())).collect();
    let labels = || rows.iter().filter_map(|row| row.label);
    let values: Vec<bool> = labels().map(|label| label.is_risk).collect();
    column::<BoolType>(group, &values, Some(&known))?;
    let values: Vec<i64> = labels()
        .map(|label| label.time.timestamp_micros())
        .collect();
    column::<Int64Type>(group, &values, Some(&known))
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    known: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<T>().write_batch(values, known, None)?;
    column.close()
}
