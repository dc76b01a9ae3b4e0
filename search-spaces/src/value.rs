//! Points: one value per parameter of a space.

use blake3::Hasher;

/// The value of one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Of a float parameter.
    Float(f64),
    /// Of an int parameter.
    Int(i64),
    /// Of a bool parameter.
    Bool(bool),
    /// Of a choice or ordinal parameter: the index of its label.
    Label(u32),
    /// The parameter's condition does not hold at this point.
    Inactive,
}

impl Value {
    /// The value as a number: bools are 0 and 1, labels their index; none where inactive.
    #[must_use]
    pub fn as_number(self) -> Option<f64> {
        match self {
            Self::Float(value) => Some(value),
            Self::Int(value) => Some(value as f64),
            Self::Bool(value) => Some(f64::from(u8::from(value))),
            Self::Label(index) => Some(f64::from(index)),
            Self::Inactive => None,
        }
    }
}

/// One point of a space: a value for every parameter, in the order of the space.
#[derive(Clone, Debug, PartialEq)]
pub struct Point(Vec<Value>);

impl Point {
    /// A point of these values, in the order of the space's parameters.
    #[must_use]
    pub fn new(values: Vec<Value>) -> Self {
        Self(values)
    }

    /// The values, in the order of the space's parameters.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.0
    }

    pub(crate) fn values_mut(&mut self) -> &mut [Value] {
        &mut self.0
    }

    /// The canonical bytes of the point: a tag and eight little-endian bytes for each value,
    /// with the two zeros written alike. Equal points, and only those, have equal bytes.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len() * 9);
        for value in &self.0 {
            let (tag, bits) = match *value {
                // Adding zero turns -0.0 into 0.0, which compares equal to it.
                Value::Float(value) => (1, (value + 0.0).to_bits()),
                Value::Int(value) => (2, value.cast_unsigned()),
                Value::Bool(value) => (3, u64::from(value)),
                Value::Label(index) => (4, u64::from(index)),
                Value::Inactive => (0, 0),
            };
            bytes.push(tag);
            bytes.extend_from_slice(&bits.to_le_bytes());
        }
        bytes
    }

    /// The canonical hash of the point: BLAKE3 of [`Point::canonical_bytes`], first 128 bits.
    #[must_use]
    pub fn hash(&self) -> u128 {
        let digest = *Hasher::new().update(&self.canonical_bytes()).finalize().as_bytes();
        u128::from_le_bytes(digest[..16].try_into().expect("a digest has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_points_hash_equal_and_others_do_not() {
        let point = |values: &[Value]| Point::new(values.to_vec());
        let zero = point(&[Value::Float(0.0)]);
        assert_eq!(zero.hash(), point(&[Value::Float(-0.0)]).hash());
        for other in [Value::Int(0), Value::Bool(false), Value::Label(0), Value::Inactive] {
            assert_ne!(zero.hash(), point(&[other]).hash());
        }
        assert_ne!(
            point(&[Value::Int(1), Value::Int(2)]).hash(),
            point(&[Value::Int(2), Value::Int(1)]).hash()
        );
    }

    #[test]
    fn the_hash_is_the_same_in_every_release() {
        let point = Point::new(vec![Value::Float(0.25), Value::Int(-3), Value::Label(1)]);
        assert_eq!(format!("{:032x}", point.hash()), "406994b5720931145222334304b22d08");
    }
}
