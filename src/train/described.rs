//! Optimisers and schedules as data: one of a list, with its settings. The window and the command line are made of it.

use crate::ops::{ParamKind, ParamSpec, Params, Value};
use serde::de::{DeserializeSeed, EnumAccess, Error as _, MapAccess, VariantAccess, Visitor};
use serde::ser::SerializeStructVariant as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What can be said of an entry of a list.
#[derive(Debug)]
pub struct About {
    /// Name on the command line.
    pub id: &'static str,
    /// Name in files.
    pub variant: &'static str,
    /// Name for people.
    pub label: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
    /// Its settings: switches and numbers, named as in PyTorch.
    pub params: &'static [ParamSpec],
}

/// An entry of a fixed list.
pub trait Listed: Sized + 'static {
    /// Name of the list.
    const NAME: &'static str;
    /// The list; its first entry is the default.
    fn all() -> &'static [&'static Self];
    /// What can be said of it.
    fn about(&self) -> &About;
}

/// One entry of a list, with a value for each of its settings.
pub struct Chosen<T: 'static> {
    /// Which.
    pub kind: &'static T,
    /// All its settings.
    pub params: Params,
}

impl<T: Listed> Chosen<T> {
    /// The entry with its defaults.
    pub fn new(kind: &'static T) -> Self {
        Chosen { kind, params: Params::default().filled(kind.about().params) }
    }
    /// The entry called `id`, with its defaults.
    pub fn named(id: &str) -> Option<Self> {
        T::all().iter().find(|k| k.about().id == id).map(|k| Chosen::new(*k))
    }
    /// What can be said of the entry.
    pub fn about(&self) -> &'static About {
        self.kind.about()
    }
    /// The same with one number or switch (0 or 1) changed; nothing happens to a name that is not a setting. What is
    /// not whole where it should be is for [`Chosen::reject`] to refuse.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Self {
        if let Some(slot) = self.params.0.get_mut(name) {
            *slot = match slot {
                Value::Bool(_) => Value::Bool(value != 0.0),
                Value::Int(_) if value.fract() == 0.0 => Value::Int(value as i64),
                _ => Value::Float(value),
            };
        }
        self
    }
    /// Why the settings cannot be used.
    pub fn reject(&self) -> Option<String> {
        self.about().params.iter().find_map(|p| p.reject(self.params.get(p.name)?))
    }
    /// Reads `adamw,lr=0.01,amsgrad=true`, as it is written on the command line.
    ///
    /// # Errors
    /// Says which names there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(',');
        let id = parts.next().unwrap_or_default().trim();
        let ids = || T::all().iter().map(|k| k.about().id).collect::<Vec<_>>().join(", ");
        let mut chosen =
            Self::named(id).ok_or_else(|| format!("there is no {} \"{id}\"; there are {}", T::NAME, ids()))?;
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("\"{part}\" is not name=value"))?;
            let names = || chosen.about().params.iter().map(|p| p.name).collect::<Vec<_>>().join(", ");
            if chosen.params.get(name.trim()).is_none() {
                return Err(format!("{id} has no setting \"{name}\"; it has {}", names()));
            }
            let number = match value.trim() {
                "true" | "on" | "strong_wolfe" => 1.0,
                "false" | "off" | "none" | "None" => 0.0,
                v => v.parse().map_err(|_| format!("{name} is \"{v}\", which is not a number"))?,
            };
            chosen = chosen.with(name.trim(), number);
        }
        chosen.reject().map_or(Ok(chosen), Err)
    }
    /// The settings as numbers in the order of the description; switches are 0 or 1.
    pub(super) fn numbers<const N: usize>(&self) -> [f64; N] {
        let mut out = [0.0; N];
        for (x, p) in out.iter_mut().zip(self.about().params) {
            *x = if self.params.bool(p.name) { 1.0 } else { self.params.float(p.name) };
        }
        out
    }
    /// Name and the settings that are not the defaults, `SGD, lr 0.03, momentum 0.9`. The rate is always named.
    pub fn label(&self) -> String {
        let mut text = self.about().label.to_owned();
        for p in self.about().params {
            let Some(v) = self.params.get(p.name) else { continue };
            if p.name != "lr" && *v == (p.default)() {
                continue;
            }
            let name = if p.name == "lr" { "learning rate".to_owned() } else { p.name.replace('_', " ") };
            text += &match v {
                Value::Float(x) => format!(", {name} {x}"),
                Value::Int(x) => format!(", {name} {x}"),
                _ => format!(", {name}"),
            };
        }
        text
    }
}

impl<T> Clone for Chosen<T> {
    fn clone(&self) -> Self {
        Chosen { kind: self.kind, params: self.params.clone() }
    }
}
impl<T> PartialEq for Chosen<T> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.kind, other.kind) && self.params == other.params
    }
}
impl<T: Listed> Default for Chosen<T> {
    fn default() -> Self {
        Chosen::new(T::all()[0])
    }
}
impl<T: Listed> fmt::Debug for Chosen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.about().id, self.params.0)
    }
}

impl<T: Listed> Serialize for Chosen<T> {
    fn serialize<Z: Serializer>(&self, to: Z) -> Result<Z::Ok, Z::Error> {
        let about = self.about();
        let at = T::all().iter().position(|k| std::ptr::eq(*k, self.kind)).unwrap_or(0) as u32;
        let mut fields = to.serialize_struct_variant(T::NAME, at, about.variant, about.params.len())?;
        for p in about.params {
            match self.params.get(p.name) {
                Some(Value::Bool(x)) => fields.serialize_field(p.name, x)?,
                Some(Value::Int(x)) => fields.serialize_field(p.name, x)?,
                _ => fields.serialize_field(p.name, &self.params.float(p.name))?,
            }
        }
        fields.end()
    }
}

/// A field or variant name.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<String, D::Error> {
        from.deserialize_identifier(self)
    }
}
impl Visitor<'_> for Key {
    type Value = String;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<String, E> {
        Ok(name.to_owned())
    }
}

struct Whole<T>(std::marker::PhantomData<T>);
struct Fields(&'static About);

impl<'de, T: Listed> Visitor<'de> for Whole<T> {
    type Value = Chosen<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name of one {}", T::NAME)
    }
    fn visit_enum<A: EnumAccess<'de>>(self, from: A) -> Result<Chosen<T>, A::Error> {
        let (name, rest) = from.variant_seed(Key)?;
        let kind = T::all().iter().find(|k| k.about().variant == name);
        let kind = *kind.ok_or_else(|| A::Error::custom(format!("there is no {} \"{name}\"", T::NAME)))?;
        let params = rest.struct_variant(&[], Fields(kind.about()))?.filled(kind.about().params);
        Ok(Chosen { kind, params })
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Params;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Params, A::Error> {
        let mut params = Params::default();
        while let Some(name) = from.next_key_seed(Key)? {
            let spec = self.0.params.iter().find(|p| p.name == name);
            let spec = spec.ok_or_else(|| A::Error::custom(format!("{} has no setting \"{name}\"", self.0.label)))?;
            let value = match spec.kind {
                ParamKind::Bool => Value::Bool(from.next_value()?),
                ParamKind::Int { .. } => Value::Int(from.next_value()?),
                _ => Value::Float(from.next_value()?),
            };
            params.0.insert(name, value);
        }
        Ok(params)
    }
}

impl<'de, T: Listed> Deserialize<'de> for Chosen<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_enum(T::NAME, &[], Whole(std::marker::PhantomData))
    }
}

/// A real setting.
pub(super) const fn float(
    name: &'static str,
    (min, max): (f64, f64),
    default: fn() -> Value,
    doc: &'static str,
) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Float { min, max, log: true }, default, unit: "", doc }
}
/// A whole setting.
pub(super) const fn whole(
    name: &'static str,
    (min, max): (i64, i64),
    default: fn() -> Value,
    doc: &'static str,
) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Int { min, max }, default, unit: "", doc }
}
/// A switch, off by default.
pub(super) const fn switch(name: &'static str, doc: &'static str) -> ParamSpec {
    ParamSpec { name, kind: ParamKind::Bool, default: || Value::Bool(false), unit: "", doc }
}
