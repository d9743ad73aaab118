//! Text and JSON out.

mod failures;
mod json;
mod markdown;
mod matrix;
mod multi_job;
mod out;
pub(crate) mod pager;
mod paint;
mod plan;
mod settled;
mod table;
mod walk;
mod words;

pub(crate) use failures::{
    ShownRun, classified, is_known, show_evidence, show_explained, show_failures, show_same,
    show_same_files,
};
pub(crate) use json::{VERSION, json_text, top, top_of, write_json};
pub(crate) use matrix::show_matrix;
pub(crate) use multi_job::show_multi_job;
pub(crate) use out::Out;
pub(crate) use plan::{show_left_out, show_outcome, show_plan_summary, show_result, show_ties};
pub(crate) use settled::show_settled;
pub(crate) use table::{Table, column};
pub(crate) use walk::{edge, show_edge, show_steps};
pub(crate) use words::{
    age, health_word, iso, machine_time, marks, plural, rate_words, shell_word, size,
};
