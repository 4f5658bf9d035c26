// Compiles contracts/*.sol into artifacts/<name>.json. With --check writes nothing and fails where an
// artifact differs from its source.
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

interface CompilerOutput {
  readonly errors?: readonly { readonly formattedMessage: string }[];
  readonly contracts?: Readonly<Record<string, Readonly<Record<string, CompiledContract>>>>;
}

interface CompiledContract {
  readonly abi: readonly unknown[];
  readonly evm: {
    readonly bytecode: { readonly object: string };
    readonly methodIdentifiers: Readonly<Record<string, string>>;
  };
}

const sources = new URL('contracts/', import.meta.url);
const artifacts = new URL('artifacts/', import.meta.url);

/** Petersburg: no instruction that the local machine, or any Tron, lacks. */
const settings = {
  evmVersion: 'petersburg',
  optimizer: { enabled: true, runs: 10_000 },
  metadata: { bytecodeHash: 'none', appendCBOR: false },
  outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.methodIdentifiers'] } },
};

/** The artifact files that the sources ask for: text by file name. Throws what the compiler says. */
export async function compileTokens(): Promise<Map<string, string>> {
  // The compiler is 9 MB of WebAssembly without types of its own; it is loaded only when asked for.
  const compiler = createRequire(import.meta.url)('solc') as {
    version(): string;
    compile(input: string): string;
  };
  const files = (await readdir(sources)).filter((file) => file.endsWith('.sol')).sort();
  const texts = new Map<string, string>();
  for (const file of files) texts.set(file, await readFile(new URL(file, sources), 'utf8'));
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries([...texts].map(([file, content]) => [file, { content }])),
    settings,
  };
  const output = JSON.parse(compiler.compile(JSON.stringify(input))) as CompilerOutput;
  const complaints = (output.errors ?? []).filter(
    // Tron's machine is older than what the compiler likes, on purpose.
    (complaint) => !complaint.formattedMessage.includes('Support for EVM versions older than'),
  );
  if (complaints.length > 0) {
    throw new Error(complaints.map((complaint) => complaint.formattedMessage).join('\n'));
  }
  return new Map(
    [...texts].map(([file, source]) => {
      const name = basename(file, '.sol');
      const contract = output.contracts?.[file]?.[name];
      if (contract === undefined) throw new Error(`${file} has no contract ${name}`);
      return [`${name}.json`, textOf(contract, { name, source, compiler: compiler.version() })];
    }),
  );
}

function textOf(
  contract: CompiledContract,
  about: { name: string; source: string; compiler: string },
): string {
  const artifact = {
    contractName: about.name,
    compiler: about.compiler,
    sourceHash: createHash('sha256').update(about.source).digest('hex'),
    abi: contract.abi,
    selectors: contract.evm.methodIdentifiers,
    bytecode: contract.evm.bytecode.object,
  };
  return `${JSON.stringify(artifact, null, 2)}\n`;
}

async function main(checkOnly: boolean): Promise<void> {
  await mkdir(artifacts, { recursive: true });
  const stale: string[] = [];
  for (const [file, text] of await compileTokens()) {
    const path = new URL(file, artifacts);
    const present = await readFile(path, 'utf8').catch(() => '');
    if (present === text) continue;
    stale.push(file);
    if (!checkOnly) await writeFile(path, text);
  }
  if (!checkOnly || stale.length === 0) return;
  process.stderr.write(`stale: ${stale.join(', ')}; run node local-chains/tron/compile.ts\n`);
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(process.argv.includes('--check'));
