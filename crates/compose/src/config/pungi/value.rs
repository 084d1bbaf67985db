//! A value of a configuration as Python sees it: tuples are not lists, whole numbers have no limit, dicts keep their order.
//!
//! Containers are shared, as Python shares what a variable names; the parser bounds what they would unfold to.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use super::integer::Integer;

/// A dict, in the order in which its keys were first set.
pub type Dict = IndexMap<Key, Value>;

#[derive(Debug, Clone)]
pub enum Value {
    None,
    Bool(bool),
    Int(Integer),
    Float(f64),
    Text(Arc<str>),
    List(Arc<Vec<Value>>),
    Tuple(Arc<Vec<Value>>),
    Dict(Arc<Dict>),
}

impl Value {
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The items of a list or a tuple: both are accepted wherever a configuration needs one of them.
    pub fn as_items(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// A whole number or a float, as a float.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(number.to_f64()),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// What Python counts as true.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(number) => !number.is_zero(),
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) | Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
        }
    }

    /// Python's name of the type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
        }
    }

    /// Whether it can be the key of a dict.
    pub fn is_hashable(&self) -> bool {
        match self {
            Self::List(_) | Self::Dict(_) => false,
            Self::Tuple(items) => items.iter().all(Self::is_hashable),
            _ => true,
        }
    }

    /// A number that Python holds equal to another of any type: `True`, `1` and `1.0`.
    fn as_equal_number(&self) -> Option<EqualNumber> {
        match self {
            Self::Bool(value) => Some(EqualNumber::Whole(Integer::from(i64::from(*value)))),
            Self::Int(number) => Some(EqualNumber::Whole(number.clone())),
            Self::Float(number) => {
                Some(Integer::of_whole_float(*number).map_or(EqualNumber::Float(number.to_bits()), EqualNumber::Whole))
            }
            _ => None,
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
enum EqualNumber {
    Whole(Integer),
    Float(u64),
}

/// Equality as Python's `==`.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::List(one), Self::List(other)) | (Self::Tuple(one), Self::Tuple(other)) => one == other,
            (Self::Dict(one), Self::Dict(other)) => one == other,
            _ => self.as_equal_number().is_some_and(|number| Some(number) == other.as_equal_number()),
        }
    }
}

/// The key of a dict: any value that is not, and does not hold, a list or a dict.
#[derive(Debug, Clone, PartialEq)]
pub struct Key(Value);

impl Eq for Key {}

impl Key {
    pub fn new(value: Value) -> Option<Self> {
        value.is_hashable().then_some(Self(value))
    }

    pub fn text(text: &str) -> Self {
        Self(Value::text(text))
    }

    pub fn value(&self) -> &Value {
        &self.0
    }
}

/// Texts hash as [`str`], so that a dict can be asked for a `&str`.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_value(&self.0, state);
    }
}

fn hash_value<H: Hasher>(value: &Value, state: &mut H) {
    match value {
        Value::Text(text) => text.hash(state),
        Value::Tuple(items) => items.iter().for_each(|item| hash_value(item, state)),
        other => other.as_equal_number().hash(state),
    }
}

impl Equivalent<Key> for str {
    fn equivalent(&self, key: &Key) -> bool {
        key.0.as_text() == Some(self)
    }
}
