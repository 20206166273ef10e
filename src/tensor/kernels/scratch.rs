//! Working memory that each thread keeps from one call to the next.

use crate::tensor::Scalar;
use std::cell::RefCell;

/// Bytes of a line of the cache; vectors that cross none are read faster.
const LINE: usize = 64;

/// Calls `f` with `len` numbers of whatever value, from the beginning of a line on. Calls may nest; once they have been
/// as large as they get, nothing is allocated any more.
pub fn with<S: Scalar, R>(len: usize, f: impl FnOnce(&mut [S]) -> R) -> R {
    // Taken out rather than borrowed: while this thread waits in `f` it may be given other work that comes here too.
    let mut buffer = S::shelf(Vec::pop).unwrap_or_default();
    if buffer.len() < len + LINE {
        buffer.resize(len + LINE, S::zero());
    }
    let at = buffer.as_ptr().align_offset(LINE).min(LINE);
    let result = f(&mut buffer[at..][..len]);
    S::shelf(|shelf| shelf.push(buffer));
    result
}

/// As [`with`], for positions.
pub(super) fn table<R>(len: usize, f: impl FnOnce(&mut [usize]) -> R) -> R {
    thread_local!(static SHELF: RefCell<Vec<Vec<usize>>> = const { RefCell::new(Vec::new()) });
    let mut buffer = SHELF.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len {
        buffer.resize(len, 0);
    }
    let result = f(&mut buffer[..len]);
    SHELF.with_borrow_mut(|shelf| shelf.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_is_used_again_and_calls_nest() {
        let address = || super::with::<f32, _>(1000, |a| a.as_ptr() as usize);
        assert_eq!(address(), address());
        super::with::<f32, _>(10, |a| {
            a.fill(1.0);
            super::with::<f32, _>(10, |b| b.fill(2.0));
            assert!(a.iter().all(|x| *x == 1.0));
        });
    }
}
