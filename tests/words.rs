//! What is said of a check, held against what it rests on: explanations over generated jobs, and the
//! review of drafts over a labelled set of sentences; and the catalogues that all words are taken of.

#![allow(clippy::indexing_slicing, reason = "a test that reads a member that is not there is to fail")]

#[path = "words/catalogues.rs"]
mod catalogues;
#[path = "words/explain.rs"]
mod explain;
#[path = "words/glossary.rs"]
mod glossary;
#[path = "words/jobs.rs"]
mod jobs;
#[path = "words/review.rs"]
mod review;
#[path = "words/scenarios.rs"]
mod scenarios;
