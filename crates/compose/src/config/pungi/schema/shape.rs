//! Shapes of options: short names for the parts of JSON schema (draft 4) from which the table of options is made.
//!
//! Beyond draft 4 there are the types `regex` and `url`, tuples count as arrays, and the keys `deprecated` (the option is gone;
//! what to do instead), `alias` (an older name of the option) and `append` (older options whose values are added to it).

use serde_json::{Map, Value as Json, json};

/// The schema of one value.
#[derive(Debug, Clone)]
pub(super) struct Shape(Json);

/// What the keys of an object may hold.
pub(super) type Fields = Vec<(&'static str, Shape)>;

impl Shape {
    /// The value that stands where the option is not given.
    pub(super) fn default(self, value: impl Into<Json>) -> Self {
        self.with("default", value.into())
    }

    pub(super) fn alias(self, older: &str) -> Self {
        self.with("alias", older.into())
    }

    pub(super) fn append(self, older: &[&str]) -> Self {
        self.with("append", json!(older))
    }

    fn with(mut self, key: &str, value: Json) -> Self {
        self.0[key] = value;
        self
    }

    pub(super) fn into_json(self) -> Json {
        self.0
    }
}

fn of_type(name: &str) -> Shape {
    Shape(json!({"type": name}))
}

pub(super) fn text() -> Shape {
    of_type("string")
}

pub(super) fn flag() -> Shape {
    of_type("boolean")
}

pub(super) fn number() -> Shape {
    of_type("number")
}

pub(super) fn integer() -> Shape {
    of_type("integer")
}

/// A dict with whatever keys.
pub(super) fn any_dict() -> Shape {
    of_type("object")
}

pub(super) fn anything() -> Shape {
    Shape(json!({}))
}

/// A URL of a git repository whose reference is resolved.
pub(super) fn git_url() -> Shape {
    of_type("url")
}

/// A text, or a dict that says where a file comes from.
pub(super) fn scm() -> Shape {
    Shape(json!({"$ref": "#/definitions/str_or_scm_dict"}))
}

pub(super) fn scm_dict() -> Shape {
    Shape(json!({"$ref": "#/definitions/scm_dict"}))
}

pub(super) fn one_of(names: &[&str]) -> Shape {
    Shape(json!({"type": "string", "enum": names}))
}

pub(super) fn number_of(numbers: &[u32]) -> Shape {
    Shape(json!({"type": "number", "enum": numbers}))
}

/// A repository, or several: each a text, or a dict with its options.
pub(super) fn repositories() -> Shape {
    let fields = vec![("name", text()), ("baseurl", text()), ("exclude", text()), ("gpgcheck", flag()), ("enabled", text())];
    one_or_list(either(vec![text(), object(fields, &["baseurl"])]))
}

pub(super) fn either(shapes: Vec<Shape>) -> Shape {
    Shape(json!({"anyOf": shapes.into_iter().map(Shape::into_json).collect::<Vec<_>>()}))
}

pub(super) fn or_none(shape: Shape) -> Shape {
    either(vec![shape, of_type("null")])
}

pub(super) fn list_of(item: Shape) -> Shape {
    Shape(json!({"type": "array", "items": item.into_json()}))
}

pub(super) fn list_of_some(item: Shape) -> Shape {
    list_of(item).with("minItems", 1.into())
}

pub(super) fn texts() -> Shape {
    list_of(text())
}

pub(super) fn text_or_texts() -> Shape {
    either(vec![text(), texts()])
}

pub(super) fn one_or_list(item: Shape) -> Shape {
    either(vec![item.clone(), list_of(item)])
}

fn pair_of_texts() -> Shape {
    Shape(json!({"type": "array", "items": [text().into_json(), text().into_json()]}))
}

/// Pairs of texts; that one is missing is not noticed.
pub(super) fn text_pairs() -> Shape {
    list_of(pair_of_texts().with("additionalItems", false.into()))
}

/// Pairs of texts, whole ones.
pub(super) fn whole_text_pairs() -> Shape {
    list_of(pair_of_texts().with("minItems", 2.into()).with("maxItems", 2.into()))
}

/// `{KEY: value}` with free keys: patterns of variants, arches, names.
pub(super) fn dict_of(value: Shape) -> Shape {
    dict_of_some(".+", value).with("additionalProperties", false.into())
}

/// `{KEY: value}`, where only the values of keys that the pattern finds something in are looked at.
pub(super) fn dict_of_some(keys: &str, value: Shape) -> Shape {
    Shape(json!({"type": "object", "patternProperties": {keys: value.into_json()}}))
}

/// `[(PATTERN OF VARIANTS, {ARCH or "*": value})]`
pub(super) fn variant_arch(value: Shape) -> Shape {
    list_of(Shape(json!({
        "type": "array",
        "items": [of_type("regex").into_json(), dict_of(value).into_json()],
        "additionalItems": false,
        "minItems": 2,
    })))
}

/// The same, empty where it is not given.
pub(super) fn variant_arch_or_empty(value: Shape) -> Shape {
    variant_arch(value).default(json!([]))
}

/// A dict with these keys and no others.
pub(super) fn object(fields: Fields, required: &[&str]) -> Shape {
    let properties: Map<String, Json> = fields.into_iter().map(|(name, shape)| (name.to_owned(), shape.into_json())).collect();
    let shape = Shape(json!({"type": "object", "properties": properties, "additionalProperties": false}));
    if required.is_empty() { shape } else { shape.with("required", json!(required)) }
}

/// A dict with these keys and any others.
pub(super) fn open_object(fields: Fields, required: &[&str]) -> Shape {
    object(fields, required).with("additionalProperties", true.into())
}

/// An option that is no more: it warns, and says what to do.
pub(super) fn removed(advice: &str) -> Shape {
    Shape(json!({"deprecated": advice}))
}
