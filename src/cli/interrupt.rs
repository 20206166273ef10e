//! Ctrl-C: the first asks a run to come to its end, the second ends the program at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell is told of a program that was ended by Ctrl-C: 128 and the number of the signal.
pub const CODE: u8 = 130;

/// Whether the run was asked to end.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on. Where the system refuses, Ctrl-C ends the program as it always did.
    pub fn listen() -> Self {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order, so that only the second signal finds the flag raised.
            let ends = flag::register_conditional_shutdown(signal, i32::from(CODE), Arc::clone(&asked));
            if ends.is_ok() {
                _ = flag::register(signal, Arc::clone(&asked));
            }
        }
        Interrupt(asked)
    }
    /// Whether it came.
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
