// Compiles contracts/*.sol and contracts/test/*.sol into contracts/artifacts/<name>.json.
// With --check writes nothing and fails where an artifact differs from its source.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the rest of the project knows of a contract. */
export interface Artifact {
  readonly contractName: string;
  readonly compiler: string;
  /** SHA-256 of the source file, hex. */
  readonly sourceHash: string;
  readonly abi: readonly unknown[];
  /** Selectors by signature: {"transfer(address,uint256)": "a9059cbb"}. */
  readonly selectors: Readonly<Record<string, string>>;
  /** 0x-hex; constructor arguments are appended to it. */
  readonly bytecode: string;
  /** 0x-hex of the code on chain; immutables are zeros in it. */
  readonly deployedBytecode: string;
}

interface CompilerOutput {
  readonly errors?: readonly { readonly severity: string; readonly formattedMessage: string }[];
  readonly contracts?: Readonly<
    Record<string, Readonly<Record<string, CompiledContract | undefined>> | undefined>
  >;
}

interface CompiledContract {
  readonly abi: readonly unknown[];
  readonly evm: {
    readonly bytecode: { readonly object: string };
    readonly deployedBytecode: { readonly object: string };
    readonly methodIdentifiers: Readonly<Record<string, string>>;
  };
}

const here = fileURLToPath(new URL('.', import.meta.url));
const artifactsFolder = join(here, 'artifacts');

/** Everything that decides the bytes. No metadata hash: comments do not change the code. */
const settings = {
  evmVersion: 'prague',
  optimizer: { enabled: true, runs: 10_000 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: {
    '*': {
      '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object', 'evm.methodIdentifiers'],
    },
  },
};

/** The artifact files that the sources ask for: text by file name. Throws what the compiler says. */
export async function compileContracts(): Promise<Map<string, string>> {
  const sources = await readSources();
  const { version, output } = runCompiler(sources);
  const complaints = output.errors ?? [];
  if (complaints.length > 0) {
    throw new Error(complaints.map((complaint) => complaint.formattedMessage).join('\n'));
  }
  const artifacts = new Map<string, string>();
  for (const [path, source] of sources) {
    const contractName = basename(path, '.sol');
    const contract = output.contracts?.[path]?.[contractName];
    if (contract === undefined) throw new Error(`${path} has no contract ${contractName}`);
    const artifact = describe(contract, { contractName, compiler: version, source });
    artifacts.set(`${contractName}.json`, `${JSON.stringify(artifact, null, 2)}\n`);
  }
  return artifacts;
}

/** The artifact files that differ from what the sources ask for, or that no source asks for. */
export async function staleArtifacts(): Promise<string[]> {
  const wanted = await compileContracts();
  const present = await readdir(artifactsFolder);
  const stale = present.filter((file) => !wanted.has(file));
  for (const [file, text] of wanted) {
    const found = present.includes(file)
      ? await readFile(join(artifactsFolder, file), 'utf8')
      : undefined;
    if (found !== text) stale.push(file);
  }
  return stale.sort();
}

async function readSources(): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const folder of ['', 'test/']) {
    const files = (await readdir(join(here, folder))).filter((file) => file.endsWith('.sol'));
    for (const file of files.sort()) {
      sources.set(folder + file, await readFile(join(here, folder, file), 'utf8'));
    }
  }
  return sources;
}

function runCompiler(sources: ReadonlyMap<string, string>): {
  version: string;
  output: CompilerOutput;
} {
  // The compiler is 9 MB of WebAssembly without types of its own; it is loaded only when asked for.
  const compiler = createRequire(import.meta.url)('solc') as {
    version(): string;
    compile(input: string): string;
  };
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries([...sources].map(([path, content]) => [path, { content }])),
    settings,
  };
  return {
    version: compiler.version(),
    output: JSON.parse(compiler.compile(JSON.stringify(input))) as CompilerOutput,
  };
}

function describe(
  contract: CompiledContract,
  about: { contractName: string; compiler: string; source: string },
): Artifact {
  return {
    contractName: about.contractName,
    compiler: about.compiler,
    sourceHash: createHash('sha256').update(about.source).digest('hex'),
    abi: contract.abi,
    selectors: contract.evm.methodIdentifiers,
    bytecode: `0x${contract.evm.bytecode.object}`,
    deployedBytecode: `0x${contract.evm.deployedBytecode.object}`,
  };
}

async function main(checkOnly: boolean): Promise<void> {
  if (checkOnly) {
    const stale = await staleArtifacts();
    if (stale.length === 0) return;
    process.stderr.write(`stale: ${stale.join(', ')}; run node contracts/compile.ts\n`);
    process.exitCode = 1;
    return;
  }
  await mkdir(artifactsFolder, { recursive: true });
  for (const [file, text] of await compileContracts()) {
    await writeFile(join(artifactsFolder, file), text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(process.argv.includes('--check'));
