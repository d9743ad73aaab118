//! Reports of test runners: XML and JSON that tells of every test.

mod cases;
mod go;
mod json;
mod junit;
mod lines;
mod said;
mod shapes;
mod sniff;
mod subunit;
mod thin;
mod xml;

pub(crate) use go::read as read_go;
pub(crate) use json::read as read_json;
pub(crate) use lines::read as read_lines;
pub(crate) use sniff::{of_json, of_xml};
pub(crate) use subunit::{SIGNATURE as SUBUNIT, read as read_subunit};
pub(crate) use xml::read as read_xml;
