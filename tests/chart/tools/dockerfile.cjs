// Parses a Dockerfile from standard input: prints its stages with the last part of their image's name, or what is wrong.
const { createRequire } = require('node:module');
const { DockerfileParser } = createRequire(process.argv[2] + '/')('dockerfile-ast');

const KNOWN = new Set(['FROM', 'WORKDIR', 'ENV', 'COPY', 'ARG', 'RUN', 'USER', 'EXPOSE', 'CMD', 'LABEL']);
let input = '';
process.stdin.on('data', chunk => (input += chunk)).on('end', () => {
  const dockerfile = DockerfileParser.parse(input);
  const stages = new Set();
  for (const instruction of dockerfile.getInstructions()) {
    if (!KNOWN.has(instruction.getKeyword())) console.log(`unknown: ${instruction.getInstruction()}`);
    if (instruction.getArguments().length === 0) console.log(`without arguments: ${instruction.getInstruction()}`);
    if (instruction.getKeyword() === 'COPY') {
      const from = instruction.getFlags().find(flag => flag.getName() === 'from');
      if (from && !stages.has(from.getValue())) console.log(`there is no stage ${from.getValue()}`);
    }
    if (instruction.getKeyword() === 'FROM') stages.add(instruction.getBuildStage());
  }
  for (const from of dockerfile.getFROMs()) console.log(`${from.getBuildStage()} ${from.getImageName().split('/').pop()}`);
});
