//! Task ids that can be read back: a task's place in the world, masked and checked by a hash.

use mozci_core::ids::TaskId;

use super::random::hash;

/// What a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskRef {
    /// The push's decision task.
    Decision {
        /// The push's place in the history.
        push: u32,
    },
    /// The n-th action task of a push.
    Action {
        /// The push's place in the history.
        push: u32,
        /// Counted from 0 in the order of the requests.
        n: u8,
    },
    /// The n-th task without work that stands on a push to be seen in Treeherder.
    Mark {
        /// The push's place in the history.
        push: u32,
        /// Counted from 0.
        n: u8,
    },
    /// The n-th task of a job on a push; 0 is the scheduled one, where there is one.
    Job {
        /// The push's place in the history.
        push: u32,
        /// The job's place in the catalog.
        job: usize,
        /// Counted from 0.
        n: u8,
    },
}

const MARK: u16 = 0x1ffd;
const ACTION: u16 = 0x1fff;
const DECISION: u16 = 0x1ffe;

impl TaskRef {
    /// The push that the task belongs to.
    pub fn push(self) -> u32 {
        match self {
            Self::Decision { push }
            | Self::Action { push, .. }
            | Self::Mark { push, .. }
            | Self::Job { push, .. } => push,
        }
    }

    /// The id under which the task is known in the world of this seed.
    pub fn id(self, seed: u64) -> TaskId {
        let (push, job, n) = match self {
            Self::Decision { push } => (push, DECISION, 0),
            Self::Action { push, n } => (push, ACTION, n),
            Self::Mark { push, n } => (push, MARK, n),
            Self::Job { push, job, n } => (push, job as u16, n),
        };
        let plain = u64::from(push & 0x7_ffff) << 21 | u64::from(job & 0x1fff) << 8 | u64::from(n);
        let check = hash(seed, &[0x7a5c, plain]);
        let mut bytes = [0u8; 16];
        bytes[8..].copy_from_slice(&check.to_be_bytes());
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mask = mask(seed, &bytes);
        let masked = plain ^ (mask >> 24);
        bytes[1..6].copy_from_slice(&masked.to_be_bytes()[3..]);
        // A leading zero bit keeps the slug from beginning with a dash ("nice" slugids).
        bytes[0] = (mask as u8) & 0x7f;
        bytes[6] = (mask >> 8) as u8;
        bytes[7] = (mask >> 16) as u8;
        TaskId::from_bytes(bytes)
    }

    /// Reads an id back; `None` for ids that are not of this world.
    pub fn read(seed: u64, id: TaskId) -> Option<Self> {
        let bytes = id.bytes();
        let mut masked = [0u8; 8];
        masked[3..].copy_from_slice(&bytes[1..6]);
        let plain = (u64::from_be_bytes(masked) ^ (mask(seed, &bytes) >> 24)) & 0xff_ffff_ffff;
        let push = (plain >> 21) as u32;
        let n = plain as u8;
        let task = match (plain >> 8) as u16 & 0x1fff {
            DECISION => Self::Decision { push },
            ACTION => Self::Action { push, n },
            MARK => Self::Mark { push, n },
            job => Self::Job { push, job: usize::from(job), n },
        };
        (task.id(seed) == id).then_some(task)
    }
}

fn mask(seed: u64, bytes: &[u8; 16]) -> u64 {
    let mut check = [0u8; 8];
    check.copy_from_slice(&bytes[8..]);
    hash(seed, &[0x3b1d, u64::from_be_bytes(check)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_tasks_and_no_others() {
        for task in [
            TaskRef::Decision { push: 0 },
            TaskRef::Action { push: 999, n: 3 },
            TaskRef::Job { push: 123_456, job: 2007, n: 0 },
            TaskRef::Job { push: 5, job: 0, n: 200 },
        ] {
            let id = task.id(42);
            assert_eq!(TaskRef::read(42, id), Some(task));
            assert_eq!(TaskRef::read(43, id), None);
            assert_eq!(id.to_string().parse::<TaskId>().unwrap(), id);
        }
    }
}
