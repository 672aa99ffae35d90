// Package tenant lets several tenants use one cluster as if each had it alone: it knows who belongs to which tenant (Directory), under which inner names
// the cluster keeps what is a tenant's (Tenant), how names in requests and answers are turned (Exchange), and what a tenant may take (Limits, Usage).
//
// It is not where requests are handled or anybody is made to wait (package broker), nor where the number of partitions is bounded (package controller).
//
// Terms. A plain name is what a tenant's client says: "orders". The inner name is what the cluster keeps: "red.orders". It begins with the tenant's
// prefix, its name and a point. Names of tenants have no points and no underscores, so that the prefix of an inner name ends at its first point and no two
// tenants' names can collide in metrics either. Who belongs to no tenant, as the cluster's operator, sees inner names.
//
// Invariants. A request that has been turned names nothing that is not its tenant's. An answer that has been turned contains no name without the prefix
// and no prefix: what is not the tenant's is left out of lists. A message whose fields are not all known to this package is not served to tenants.
package tenant
