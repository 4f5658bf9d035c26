import manifest from '../../package.json' with { type: 'json' };

/** This version of Knit (https://semver.org). */
export const VERSION: string = manifest.version;
