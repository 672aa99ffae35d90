// Package server is one node: it reads the settings, opens the rooms in order (log directories, controller, replicas, coordinators,
// handlers, listeners), connects them, and closes them in the opposite order. It decides nothing.
package server
