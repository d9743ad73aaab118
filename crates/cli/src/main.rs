//! The program `mozci`.

mod act;
mod app;
mod commands;
mod context;
mod doubts;
mod failure;
mod follow;
mod range_args;
mod show;
mod stats;

fn main() -> std::process::ExitCode {
    app::main()
}
