//! From the path of a field to the field.
//! Lives here: steps from structure to structure, through those without a name.
//! May not live here: where types come from.

use super::store::{Field, Id, Store, Type};
use super::{Bits, Elements, Member};

/// Most structures without a name that lie in each other, and fields that are looked at in a search: a task_struct has some 300.
const MAX_DEPTH: usize = 16;
const MAX_FIELDS: usize = 1 << 16;

/// The field that `path` leads to from a type.
pub(super) fn member(store: &Store, from: Id, path: &str) -> Option<Member> {
    let (mut kind, mut at, mut width, mut left) = (from, 0_u64, 0, MAX_FIELDS);
    for name in path.split('.') {
        let (field, offset) = find(store, kind, name.as_bytes(), 0, &mut left)?;
        (kind, width) = (field.kind, field.width);
        at = at.checked_add(offset)?;
    }
    let resolved = store.resolve(kind);
    let elements = match resolved {
        Type::Array { element, count } => Some(Elements { count, size: store.size(element)? }),
        _ => None,
    };
    let shift = (at % 8) as u8;
    let (size, bits) = match width {
        0 => (store.size(kind)?, None),
        width => ((u64::from(shift) + u64::from(width)).div_ceil(8), Some(Bits { shift, width })),
    };
    // A bit-field that no number of 64 bits holds, or a field between bytes: no compiler makes these.
    if bits.map_or(shift != 0, |_| size > 8) {
        return None;
    }
    let signed = matches!(resolved, Type::Number { signed: true, .. });
    Some(Member { offset: at / 8, size, bits, pointer: resolved == Type::Pointer, signed, elements })
}

/// A field of this name, and its place in bits.
fn find<'a>(store: &'a Store, kind: Id, name: &[u8], depth: usize, left: &mut usize) -> Option<(&'a Field, u64)> {
    if depth > MAX_DEPTH || name.is_empty() {
        return None;
    }
    let fields = store.fields_of(kind);
    *left = left.checked_sub(fields.len())?;
    if let Some(field) = fields.iter().find(|field| store.name(field) == name) {
        return Some((field, field.at));
    }
    fields.iter().filter(|field| store.name(field).is_empty()).find_map(|outer| {
        let (field, at) = find(store, outer.kind, name, depth + 1, left)?;
        Some((field, at.checked_add(outer.at)?))
    })
}
