//! What happens next in a world, so that nothing has to be looked for that does not change.

use std::collections::{BTreeSet, HashMap};

use crate::wire::{Message, Moment, message, moments};
use crate::world::{Dynamic, TaskRef, World};

/// What is to be told of each push.
#[derive(Debug, Default)]
pub(super) struct Upcoming {
    pushes: HashMap<u32, OfPush>,
    /// What was told so far: everything before this simulated instant.
    told: i64,
}

#[derive(Debug, Default)]
struct OfPush {
    /// What was asked of it when this was worked out.
    asked: usize,
    moments: BTreeSet<(i64, TaskRef, Moment)>,
    group_told: bool,
}

impl Upcoming {
    /// Everything that happens from an instant on.
    pub(super) fn from(now: i64) -> Self {
        Self { pushes: HashMap::new(), told: now }
    }

    /// The messages of everything that has happened since the last call.
    pub(super) fn until_now(&mut self, world: &World) -> Vec<Message> {
        // Read before the world is held: what is requested later happens at this instant or after it.
        let now = world.clock.now();
        let dynamic = world.dynamic();
        let mut asked: HashMap<u32, usize> = HashMap::new();
        let mut add = |push: u32, count: usize| *asked.entry(push).or_default() += count;
        dynamic.actions.iter().for_each(|action| add(action.push, 1));
        dynamic.tasks.iter().for_each(|((push, _), tasks)| add(*push, tasks.len()));
        dynamic.cancelled.keys().for_each(|task| add(task.push(), 1));
        dynamic.reruns.iter().for_each(|(task, runs)| add(task.push(), runs.len()));
        let mut found = Vec::new();
        for push in 0..world.config.pushes {
            let asked = asked.get(&push).copied().unwrap_or(0);
            let of_push = self
                .pushes
                .entry(push)
                .or_insert_with(|| OfPush { asked: usize::MAX, ..OfPush::default() });
            if of_push.asked != asked {
                of_push.asked = asked;
                of_push.moments = plan(world, push, &dynamic, self.told);
                of_push.group_told = of_push.moments.is_empty();
            }
            of_push.tell(world, &dynamic, now, &mut found);
        }
        self.told = now;
        found.sort_by_key(|((at, ..), _)| *at);
        found.into_iter().map(|(_, message)| message).collect()
    }
}

type Told = ((i64, TaskRef, Moment), Message);

impl OfPush {
    fn tell(&mut self, world: &World, dynamic: &Dynamic, now: i64, found: &mut Vec<Told>) {
        let mut last = None;
        while let Some(key) = self.moments.pop_first() {
            let (at, task, moment) = key;
            if at >= now {
                self.moments.insert(key);
                break;
            }
            if let Some(life) = world.life(task, dynamic) {
                found.push((key, message(world, task, &life, dynamic, (at, moment))));
                last = Some((at, task));
            }
        }
        let ended = self.moments.iter().all(|(_, _, moment)| matches!(moment, Moment::Defined));
        if let Some((at, task)) = last.filter(|_| ended && !self.group_told)
            && let Some(life) = world.life(task, dynamic)
        {
            self.group_told = true;
            let key = (at, task, Moment::GroupResolved);
            found.push((key, message(world, task, &life, dynamic, (at, Moment::GroupResolved))));
        }
    }
}

fn plan(
    world: &World,
    push: u32,
    dynamic: &Dynamic,
    from: i64,
) -> BTreeSet<(i64, TaskRef, Moment)> {
    let mut all = BTreeSet::new();
    for task in world.tasks_of_push(push, dynamic) {
        let Some(life) = world.life(task, dynamic) else { continue };
        all.extend(moments(&life, from).into_iter().map(|(at, moment)| (at, task, moment)));
    }
    all
}
