//! Memory asked for before it is needed.
//!
//! With very many agents a profile is in no cache when its next action comes, and each of its lines is
//! waited for by itself. Asked for ahead, they come while others learn.

use prefetch_index::prefetch_index;

/// Bytes that processors read at once.
const LINE: usize = 64;

/// Asks for the memory of a value, without waiting for it; changes nothing but the time.
#[inline]
pub fn ahead<T: ?Sized>(value: &T) {
    // The function wants a place in a list: as that of bytes from nowhere, a place is an address.
    let nowhere: &[u8] = &[];
    let origin = nowhere.as_ptr().addr();
    let first = std::ptr::from_ref(value).cast::<u8>().addr();
    let end = first.wrapping_add(size_of_val(value));
    let mut line = first - first % LINE;
    while line < end {
        prefetch_index(nowhere, line.wrapping_sub(origin));
        line += LINE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_may_be_asked_for() {
        ahead(&());
        ahead(&[0_u8; 1_000]);
        ahead("");
        ahead(&Vec::<u64>::new()[..]);
        let list = vec![7_u64; 100];
        ahead(&list[..]);
        assert_eq!(list.iter().sum::<u64>(), 700);
    }
}
