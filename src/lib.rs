//! Chainrule: a desktop editor in which a neural network is a picture you can run, stop and take apart.
//!
//! You wire data, layers, activations and losses into a computational graph; it runs forward propagation and
//! backpropagation on all cores; every node shows its values and its gradients; and you can walk the backward
//! pass one node at a time, as a debugger walks a program. The same works without a window.
//!
//! # Rooms, from the ground up
//! ```text
//! main.rs      window or command line; a result becomes an exit code; nothing else
//! tensor/      numbers: Shape (with the symbolic batch size B), Scalar (f32, f64), views, seeded RNG
//!   kernels/   matmul, broadcast, reduce, elementwise: each forward beside its adjoint
//! ops/         the catalogue: one file = one kind of node, and catalogue.rs, the one list of them
//! graph/       the computational graph: petgraph, node ids, edits, placement, shape inference, diagnostics
//! engine/      a graph becomes a plan; a plan is run instruction by instruction, forward and backward; explain/ takes
//!              numbers apart, why/ follows a gradient back along its paths, certify checks gradients
//! data/        data sets: synthetic, embedded, CSV, IDX, NumPy, folders of pictures; splits, scaling, batches
//! train/       optimisers, metrics; Session (synchronous) and Worker (its thread); stops/ breakpoints and watches;
//!              timeline, what-if, the backward graph, health
//! project/     the document, its history, and the .ron file: versions, atomic saving, recovery
//! cli/         the program without a window
//! ui/          the program with one: app, actions, theme, canvas/, panel/, widget/
//! ```
//! Direction: `tensor ← ops ← graph ← {engine, data} ← train ← project ← {cli, ui}`. A room imports only from
//! rooms before it; rooms in one brace do not see each other, but `train` sees both `engine` and `data`.
//!
//! # Walls
//! Kept by `tests/suite/architecture.rs`:
//! - egui, eframe, egui_plot only in `ui`: the engine serves the command line without a window.
//! - rayon only in `tensor::kernels`, `engine` and `data`: one place to reason about determinism.
//! - petgraph only in `graph`: its indices are reused, so they are nobody's identity; [`graph::NodeId`] is.
//! - ron only in `project`: the file format and the types in memory evolve apart.
//! - threads only in `train::worker` (and `ui` for file dialogs): one story about concurrency.
//! - `graph` holds no weights: undo must not copy them.
//! - `ui` matches on no kind of node: a new kind is one new file and one line in the catalogue.
//!
//! # Contracts
//! - **Identity.** A [`graph::NodeId`] is given once and never reused.
//! - **One way in.** [`graph::Edit`] is the only thing that changes a graph; [`project::History`] keeps documents
//!   without weights, so undo is a snapshot. One gesture is one entry.
//! - **Diagnostics are values.** [`graph::Graph::infer`] returns shapes and all problems; it never stops at the first.
//! - **One engine.** [`engine::Plan`] is immutable; [`engine::Pass::advance`] executes one instruction and training
//!   loops over it. What is watched is what trains. A plan lays all numbers of a batch into one buffer: side by side, so
//!   that whoever stops sees them all, or, where nobody looks, by the life of each ([`engine::Keep`]).
//! - **Determinism.** Same project, same seed: the same bits on any number of threads. Kernels cut work by its size alone;
//!   the threads of rayon's pool stand by for a whole batch and take the pieces (`tensor::kernels::team`).
//! - **Worker and window.** Commands go down a channel, the latest snapshot comes up in one slot; neither waits.
//! - **Numbers shown are numbers computed.** Where there is nothing yet, the window says so.
#![warn(missing_docs)]
pub mod cli;
pub mod data;
pub mod engine;
pub mod graph;
pub mod ops;
pub mod project;
pub mod tensor;
pub mod train;
pub mod ui;
