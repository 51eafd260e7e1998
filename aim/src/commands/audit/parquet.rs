//! Entries as Parquet.

use std::fs::File;
use std::sync::Arc;

use aim_domain::audit::ExportedEntry;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use super::{COLUMNS, csv};

/// Rows of a row group: what is buffered at a time.
const GROUP_ROWS: usize = 20_000;

/// A table being written.
pub(super) struct Table {
    writer: SerializedFileWriter<File>,
    indexes: Vec<i64>,
    texts: [Vec<Option<String>>; COLUMNS.len() - 1],
}

impl Table {
    pub(super) fn new(file: File) -> anyhow::Result<Self> {
        let texts: String = COLUMNS[1..]
            .iter()
            .map(|name| format!("optional binary {name} (STRING);\n"))
            .collect();
        let schema = format!("message audit_entries {{ required int64 index;\n{texts} }}");
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by("aim".to_owned())
            .build();
        let schema = Arc::new(parse_message_type(&schema)?);
        Ok(Self {
            writer: SerializedFileWriter::new(file, schema, Arc::new(properties))?,
            indexes: Vec::new(),
            texts: [const { Vec::new() }; COLUMNS.len() - 1],
        })
    }

    pub(super) fn push(&mut self, entry: &ExportedEntry) -> anyhow::Result<()> {
        self.indexes.push(i64::try_from(entry.index)?);
        for (column, cell) in self.texts.iter_mut().zip(csv::row(entry)) {
            column.push(cell);
        }
        if self.indexes.len() == GROUP_ROWS {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        if self.indexes.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        column::<Int64Type>(&mut group, &self.indexes, None)?;
        for texts in &mut self.texts {
            let known: Vec<i16> = texts.iter().map(|it| i16::from(it.is_some())).collect();
            let values = texts.drain(..).flatten();
            let values: Vec<ByteArray> = values.map(|it| it.as_str().into()).collect();
            column::<ByteArrayType>(&mut group, &values, Some(&known))?;
        }
        group.close()?;
        self.indexes.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.flush()?;
        self.writer.close()?;
        Ok(())
    }
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
