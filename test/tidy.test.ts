import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// What the linters do not see. Each rule names the files that break it.

const root = fileURLToPath(new URL('..', import.meta.url));
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
  .filter((file) => existsSync(join(root, file)));
const texts = new Map(
  files
    .filter((file) => /\.(ts|mjs|md|sql|sol|json|ya?ml)$|^\.ci\//.test(file))
    .filter((file) => file !== 'package-lock.json')
    .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
);
const sources = [...texts].filter(
  ([file]) => /^src\/.*\.ts$/.test(file) && !file.endsWith('.test.ts'),
);

/** The places where a text is found, as "file:line: line". */
function findings(pattern: RegExp, among: Iterable<[string, string]> = texts): string[] {
  return [...among].flatMap(([file, text]) =>
    text
      .split('\n')
      .flatMap((line, index) =>
        pattern.test(line) && file !== 'test/tidy.test.ts'
          ? [`${file}:${index + 1}: ${line.trim()}`]
          : [],
      ),
  );
}

describe('the repository', () => {
  it('is read at all', () => {
    expect(texts.size).toBeGreaterThan(200);
    expect(sources.length).toBeGreaterThan(100);
  });

  it('leaves no work for later unsaid', () => {
    expect(findings(/\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
    expect(findings(/not (yet )?implemented|in a real (system|app)|simplified version/i)).toEqual(
      [],
    );
  });

  it('skips no test and switches no rule off', () => {
    expect(findings(/\b(it|describe|test)\.(skip|only|todo)\b/)).toEqual([]);
    expect(
      findings(/@ts-(ignore|nocheck|expect-error)|(es|ox)lint-disable|prettier-ignore/),
    ).toEqual([]);
  });

  it('names no folder of the machine that it was written on', () => {
    const folders = [join(root, '/'), process.env['HOME'] ?? '/root'].filter(
      (folder) => folder.length > 5,
    );
    for (const folder of folders) {
      expect([...texts].filter(([, text]) => text.includes(folder)).map(([file]) => file)).toEqual(
        [],
      );
    }
    expect(findings(/\/work\/main|\/home\/[a-z]+\//)).toEqual([]);
  });

  it('has no drawer that collects what has no place', () => {
    const drawers = /(^|\/)(utils?|helpers?|common|shared|misc|types|index)(\.ts$|\/)/;
    expect(files.filter((file) => drawers.test(file))).toEqual([]);
  });
});

describe('the source', () => {
  it('reads the environment in one place', () => {
    expect(findings(/process\.env/, sources).map((found) => found.split(':')[0])).toEqual([
      'src/config.ts',
    ]);
  });

  it('takes time and randomness as arguments', () => {
    const homes = /^src\/base\/(clock|random)\.ts$|^src\/(sandbox|commands)\/|^src\/main\.ts$/;
    const elsewhere = sources.filter(([file]) => !homes.test(file));
    expect(
      findings(
        /\bnew Date\(\)|\bDate\.now\(|Math\.random\(|\brandomBytes\(|\brandomUUID\(/,
        elsewhere,
      ),
    ).toEqual([]);
  });

  it('keeps floats away from amounts', () => {
    expect(findings(/parseFloat\(|\bNumber\((?:.*(?:units|amount|wei).*)\)/i, sources)).toEqual([]);
  });

  it('calls what happens to the money of a payout hold, post and release, and nothing else', () => {
    const synonyms = /\b(reserve|unreserve|unhold|capture|refund|debitPayout|freeHold|voidHold)\(/i;
    expect(findings(synonyms, sources)).toEqual([]);
  });

  it('asks the server for no time, session or lock', () => {
    const banned =
      /\b(now\(\)|CURRENT_TIMESTAMP|pg_advisory|LISTEN |NOTIFY |SET SESSION|SAVEPOINT|CREATE TEMP)\b/;
    const sql = sources.filter(([file]) => !file.startsWith('src/sandbox/'));
    const inSql = findings(banned, sql).filter(
      (line) => !/clock\.now\(\)|\bnow\(\)[,;)]|now\(\): /.test(line),
    );
    expect(inSql).toEqual([]);
  });
});

describe('the documents', () => {
  const documents = [...texts].filter(([file]) => file.endsWith('.md'));

  it('link to what exists', () => {
    const broken = documents.flatMap(([file, text]) =>
      [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => normalize(join(dirname(file), target)))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${file} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name only files and folders that exist', () => {
    const named = /`((?:src|test|docs|migrations|contracts|bin)\/[\w./-]+)`/g;
    const missing = documents.flatMap(([file, text]) =>
      [...text.matchAll(named)]
        .map(([, path = '']) => path.replace(/\/$/, ''))
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${file} -> ${path}`),
    );
    expect(missing).toEqual([]);
  });

  it('tell the status of every fault', () => {
    const codes = [...(texts.get('src/base/fault.ts') ?? '').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(
      ([, code]) => code,
    );
    expect(codes.length).toBeGreaterThan(15);
    const table = texts.get('src/http/problem.ts') ?? '';
    expect(codes.filter((code) => !table.includes(`${code}:`))).toEqual([]);
    const guide = texts.get('docs/api.md') ?? '';
    expect(codes.filter((code) => !guide.includes(`\`${code}\``))).toEqual([]);
  });
});
