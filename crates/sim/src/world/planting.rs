//! Planting what goes wrong.

use super::catalog::{Catalog, SUITES};
use super::hunt::Hunt;
use super::random::{For, between, hash};
use super::story::Story;
use super::truth::{Planted, PlantedKind};
use super::world_impl::WorldConfig;

/// Plants regressions that are backed out, broken builds that are too, intermittents that stay,
/// and the story's regression.
pub(crate) fn plant(
    config: &WorldConfig,
    catalog: &Catalog,
    story: Option<&Story>,
    hunt: Option<&Hunt>,
) -> Vec<Planted> {
    let seed = config.seed;
    let mut planted = Vec::new();
    let last = story.map_or(config.pushes, |story| story.tip - 11);
    let last = hunt.map_or(last, |hunt| hunt.good);
    let regression = |suite: usize, manifest: u32, option| PlantedKind::Regression {
        suite: SUITES[suite].name,
        manifest: Catalog::manifest_name(suite, manifest),
        place: (suite, manifest),
        option,
        rate: 1.0,
    };
    for block in 0..config.pushes / 20 {
        let parts = |what: u64| [For::Plant as u64, u64::from(block), what];
        let first = block * 20 + between(seed, &parts(0), 2, 9) as u32;
        let fixed = first + between(seed, &parts(1), 3, 7) as u32;
        if fixed + 3 < last {
            let suite = hash(seed, &parts(2)) as usize % SUITES.len();
            // The story's own manifest is left alone.
            let manifest = 1 + hash(seed, &parts(3)) as u32 % (catalog.manifests() - 1);
            let option = [None, Some("debug"), Some("opt")][hash(seed, &parts(4)) as usize % 3];
            let kind = regression(suite, manifest, option);
            planted.push(Planted { kind, first, fixed: Some(fixed) });
            let place = hash(seed, &parts(5)) as usize % 5;
            let kind = PlantedKind::BrokenBuild { job: catalog.jobs[place].label.clone(), place };
            planted.push(Planted { kind, first: fixed + 1, fixed: Some(fixed + 2) });
        }
    }
    for i in 0..catalog.manifests().div_ceil(3) {
        let parts = |what: u64| [For::Plant as u64, 1 << 32, u64::from(i), what];
        let suite = hash(seed, &parts(0)) as usize % SUITES.len();
        let manifest = 1 + hash(seed, &parts(1)) as u32 % (catalog.manifests() - 1);
        let rate = [0.01, 0.03, 0.08, 0.15, 0.3][hash(seed, &parts(2)) as usize % 5];
        let first = hash(seed, &parts(3)) as u32 % config.pushes.max(1);
        // An intermittent in the story's own job would blur it.
        if story.is_some() && suite == 0 && manifest.is_multiple_of(catalog.chunks) {
            continue;
        }
        planted.push(Planted {
            kind: PlantedKind::Intermittent {
                suite: SUITES[suite].name,
                manifest: Catalog::manifest_name(suite, manifest),
                place: (suite, manifest),
                rate,
            },
            first,
            fixed: None,
        });
    }
    if let Some(story) = story {
        let kind = regression(0, 0, Some("opt"));
        planted.push(Planted { kind, first: story.culprit, fixed: None });
    }
    if let Some(hunt) = hunt {
        // Nothing else fails where the hunted test is.
        let place = (0, hunt.manifest);
        planted.retain(|planted| planted.kind.place() != Some(place));
        // The same test fails for all reasons, in the same way.
        let background = std::iter::once((0, None, hunt.config.background));
        for (first, fixed, rate) in background.chain(hunt.causes()) {
            let mut kind = regression(place.0, place.1, Some("opt"));
            if let PlantedKind::Regression { rate: often, .. } = &mut kind {
                *often = rate;
            }
            planted.push(Planted { kind, first, fixed });
        }
    }
    planted
}
