//! Everything that needs no display and measures no time: one program, as each takes long to link.

mod architecture;
mod autograd;
mod bits;
mod catalogue;
mod cli;
mod data;
mod engine;
mod files;
mod fuzz_smoke;
mod graph;
mod health;
mod images;
mod memory;
mod net;
mod projects;
mod resume;
mod review;
mod stops;
mod training;
mod why;
