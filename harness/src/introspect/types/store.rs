//! Types as they refer to each other.
//! Lives here: the kinds that matter for finding a field, their sizes.
//! May not live here: names of types, or how types are written down in a file.

/// Which type; 0 is one of which nothing is known: void, a function, what is only declared.
pub(super) type Id = u32;
/// That one.
pub(super) const UNKNOWN: Id = 0;
/// Most types that one may be made of: aliases of aliases, arrays of arrays.
const MAX_STEPS: usize = 64;
/// What a pointer takes: kernels here are of 64 bits.
const POINTER_BYTES: u64 = 8;

/// A type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Unknown,
    Number {
        size: u64,
        signed: bool,
    },
    Pointer,
    Array {
        element: Id,
        count: u64,
    },
    /// A structure or union; its fields are these of the store's.
    Structure {
        size: u64,
        first: u32,
        count: u32,
    },
    /// Another name for a type, or the type with a qualifier.
    Alias(Id),
}

/// A field of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Where its name is in the store's.
    pub name: (u32, u16),
    pub kind: Id,
    /// Bits from the structure's start.
    pub at: u64,
    /// Bits of a bit-field, else 0.
    pub width: u8,
}

/// All types, fields and their names.
#[derive(Clone, Debug)]
pub(super) struct Store {
    types: Vec<Type>,
    fields: Vec<Field>,
    names: Vec<u8>,
}

impl Default for Store {
    fn default() -> Self {
        Self { types: vec![Type::Unknown], fields: Vec::new(), names: Vec::new() }
    }
}

impl Store {
    /// Adds a type.
    pub fn push(&mut self, kind: Type) -> Id {
        self.types.push(kind);
        id(self.types.len() - 1)
    }

    /// Says what a type is that was added before.
    pub fn set(&mut self, id: Id, kind: Type) {
        if let Some(place) = self.types.get_mut(id as usize) {
            *place = kind;
        }
    }

    /// Adds a structure's fields.
    pub fn fields(&mut self, size: u64, fields: impl IntoIterator<Item = Field>) -> Type {
        let first = id(self.fields.len());
        self.fields.extend(fields);
        Type::Structure { size, first, count: id(self.fields.len()) - first }
    }

    /// Keeps names of fields; the place of the first byte.
    pub fn keep(&mut self, names: &[u8]) -> u32 {
        let at = id(self.names.len());
        self.names.extend(names);
        at
    }

    /// Adds another store's types; their ids grow by what is returned. Those that lead nowhere go on to.
    pub fn append(&mut self, other: Self) -> Id {
        let (first, field, name) = (id(self.types.len()), id(self.fields.len()), id(self.names.len()));
        self.types.extend(other.types.into_iter().map(|kind| match kind {
            Type::Array { element, count } => Type::Array { element: element.saturating_add(first), count },
            Type::Structure { size, first: at, count } => {
                Type::Structure { size, first: at.saturating_add(field), count }
            }
            Type::Alias(to) => Type::Alias(to.saturating_add(first)),
            other => other,
        }));
        self.fields.extend(other.fields.into_iter().map(|there| Field {
            name: (there.name.0.saturating_add(name), there.name.1),
            kind: there.kind.saturating_add(first),
            ..there
        }));
        self.names.extend(other.names);
        first
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// What a type is under all its names and qualifiers.
    pub fn resolve(&self, mut id: Id) -> Type {
        for _ in 0..MAX_STEPS {
            match self.types.get(id as usize) {
                Some(Type::Alias(to)) => id = *to,
                Some(kind) => return *kind,
                None => break,
            }
        }
        Type::Unknown
    }

    /// Bytes of a type, where they are known.
    pub fn size(&self, mut id: Id) -> Option<u64> {
        let mut of = 1_u64;
        for _ in 0..MAX_STEPS {
            let one = match self.resolve(id) {
                Type::Array { element, count } => {
                    of = of.checked_mul(count)?;
                    id = element;
                    continue;
                }
                Type::Number { size, .. } | Type::Structure { size, .. } => size,
                Type::Pointer => POINTER_BYTES,
                Type::Unknown | Type::Alias(_) => return None,
            };
            return of.checked_mul(one);
        }
        None
    }

    /// Fields of a structure or union; none of anything else.
    pub fn fields_of(&self, id: Id) -> &[Field] {
        match self.resolve(id) {
            Type::Structure { first, count, .. } => {
                self.fields.get(first as usize..first as usize + count as usize).unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// Name of a field; empty where it has none.
    pub fn name(&self, field: &Field) -> &[u8] {
        let (start, length) = (field.name.0 as usize, usize::from(field.name.1));
        self.names.get(start..start + length).unwrap_or_default()
    }
}

/// An index. What is read has less than 4 GiB, and each type of it some bytes.
fn id(index: usize) -> Id {
    Id::try_from(index).unwrap_or(UNKNOWN)
}
