// Package format makes fresh log directories those of a node: it gives each its meta.properties, and that of the metadata log the checkpoint
// at offset 0 with which a cluster begins. It does what Apache Kafka's storage tool does, and says it in the same words.
//
// It knows no flags (package cli) and no bytes of a file (packages storage, metalog and quorum/consensus).
//
// Terms. A directory is formatted once it has a meta.properties. A quorum is dynamic (kraft.version 1) when its voters stand in the metadata
// log, and static when controller.quorum.voters names them.
//
// Invariants. Nothing is written before everything that can be refused was looked at. In each directory meta.properties comes last, and the
// metadata directory comes after all others, so a run that was cut short is finished by one that ignores what is formatted.
package format
