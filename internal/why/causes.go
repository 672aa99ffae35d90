package why

import "slices"

// Causes is the table of causes, from roots to symptoms. Nobody changes it.
var Causes = slices.Concat(quorumCauses, nodeCauses, replicaCauses, clientCauses, dataCauses, groupCauses)
