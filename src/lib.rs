#![doc = include_str!("ARCHITECTURE.md")]

pub mod fault;
pub mod ucum;

pub mod fhir;

pub mod fhirpath;
pub mod hl7v2;

pub mod catalog;
pub mod rest;

pub mod format;
pub mod search;
pub mod validation;

pub mod access;
pub mod health_id;
pub mod outbound;
pub mod page;

pub mod store;

pub mod audit;
pub mod index;

pub mod account;

pub mod interaction;
pub mod oauth;

pub mod operation;

pub mod service;

pub mod feed;

pub mod http;
pub mod job;
pub mod load;
pub mod mllp;

pub mod app;
pub mod config;
