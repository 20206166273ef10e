//! The flag by which the window interrupts work that takes long.

use crate::tensor::kernels::heed::Flag;
use std::sync::Arc;

/// A flag shared by the sender and the receiver of commands: raised when there is a command to obey.
///
/// Whoever works looks at it between two instructions, and their kernels within one, where it is urgent: an instruction
/// that was cut off counts as not done, and is run again from its start. A flag made by `default` belongs to nobody and
/// is never raised.
#[derive(Clone, Debug, Default)]
pub(super) struct Halt {
    flag: Option<Arc<Flag>>,
}

impl Halt {
    /// A flag that is down.
    pub fn new() -> Self {
        Halt { flag: Some(Arc::default()) }
    }
    /// What kernels heed.
    pub fn flag(&self) -> Option<&Flag> {
        self.flag.as_deref()
    }
    /// Raises it. If it is `urgent`, an instruction under way is given up, too.
    pub fn raise(&self, urgent: bool) {
        if let Some(flag) = &self.flag {
            flag.raise(urgent);
        }
    }
    /// Takes it down; whether it was raised.
    pub fn clear(&self) -> bool {
        self.flag.as_ref().is_some_and(|f| f.lower())
    }
    /// Whether it is raised.
    pub fn raised(&self) -> bool {
        self.flag.as_ref().is_some_and(|f| f.raised())
    }
    /// Whether it has been raised for longer than small work takes.
    pub fn over(&self) -> bool {
        self.flag.as_ref().is_some_and(|f| f.over())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::kernels::heed::GRACE;

    #[test]
    fn nobody_s_flag_is_never_raised_and_clones_share_theirs() {
        let (flag, nobody) = (Halt::new(), Halt::default());
        let sender = flag.clone();
        sender.raise(false);
        nobody.raise(true);
        assert!(flag.raised() && !flag.over() && !nobody.raised());
        std::thread::sleep(GRACE);
        assert!(flag.over() && flag.clear() && !flag.over() && !flag.clear());
        assert!(!sender.raised() && nobody.flag().is_none());
    }
}
