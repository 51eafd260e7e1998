//! A logistic regression as an ONNX file, byte by byte, as tools of data teams write it.

/// What is in the file.
#[derive(Debug, Clone)]
pub struct LogisticFile<'a> {
    /// Names of the features, in order.
    pub features: Vec<&'a str>,
    /// Their version.
    pub schema_version: u64,
    /// The seed that divided the rows.
    pub seed: u64,
    /// One weight for each feature.
    pub weights: Vec<f32>,
    /// Log-odds where all features are 0.
    pub intercept: f32,
}

impl LogisticFile<'_> {
    /// The bytes: ModelProto, with one LinearClassifier of the classes 0 and 1.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let attributes = [
            attribute("classlabels_ints", 8, &[0, 1]),
            attribute("coefficients", 7, &floats(&self.weights)),
            attribute("intercepts", 7, &floats(&[self.intercept])),
            attribute("post_transform", 4, b"LOGISTIC"),
        ];
        let mut node = [
            text(1, "X"),
            text(2, "label"),
            text(2, "probabilities"),
            text(4, "LinearClassifier"),
        ]
        .concat();
        node.extend(attributes.concat());
        let graph = [field(1, &node), field(11, &text(1, "X"))].concat();
        let told = [
            ("features", self.features.join(",")),
            ("feature_schema_version", self.schema_version.to_string()),
            ("seed", self.seed.to_string()),
        ];
        let told = told.map(|(key, value)| field(14, &[text(1, key), text(2, &value)].concat()));
        let head = [text(2, "a test"), text(3, "1"), field(7, &graph)];
        [head.concat(), told.concat()].concat()
    }
}

fn floats(all: &[f32]) -> Vec<u8> {
    all.iter().flat_map(|it| it.to_le_bytes()).collect()
}

fn attribute(name: &str, number: u8, value: &[u8]) -> Vec<u8> {
    field(5, &[text(1, name), field(number, value)].concat())
}

fn text(number: u8, value: &str) -> Vec<u8> {
    field(number, value.as_bytes())
}

/// A field with a length: tag, length as a varint, bytes.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut rest = value.len();
    while rest > 0x7f {
        bytes.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes.extend_from_slice(value);
    bytes
}
