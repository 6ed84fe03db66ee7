// Holds objects against the schemas of Kubernetes and of the custom resources: types, required fields, patterns, enumerations.
// Standard input: [{"source", "object"}]. Standard output: one line for each problem. First argument: the folder with node_modules.
const { createRequire } = require('node:module');
const requireFrom = createRequire(process.argv[2] + '/');

const CUSTOM = {
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'cert-manager.io': '@kubernetes-models/cert-manager',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};
const WITHOUT_MODEL = new Set(['RabbitmqCluster', 'MongoDBCommunity']); // The strict types of CustomResources.cs are all there is for them.

function modelOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const name = CUSTOM[group] ? `${CUSTOM[group]}/${group}/${version}` : `kubernetes-models/${group ? group + '/' : ''}${version}`;
  return requireFrom(name)[kind];
}

let input = '';
process.stdin.on('data', chunk => (input += chunk)).on('end', () => {
  for (const { source, object } of JSON.parse(input)) {
    const where = `${source}: ${object.kind} ${object.metadata?.name}`;
    if (WITHOUT_MODEL.has(object.kind)) continue;
    try {
      const Model = modelOf(object);
      if (!Model) console.log(`${where}: there is no such kind in ${object.apiVersion}`);
      else new Model(object).validate();
    } catch (problem) {
      console.log(`${where}: ${problem.message}`);
    }
  }
});
