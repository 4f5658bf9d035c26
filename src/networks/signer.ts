/**
 * The only thing that holds a key. A mnemonic stands behind it first; a KMS, an HSM or a separate
 * process can stand there later without a change to any driver.
 */
export interface Signer {
  readonly curve: 'secp256k1' | 'ed25519' | 'bip340';
  /**
   * The public key: secp256k1 as 65 uncompressed bytes (SEC 1 §2.3.3), ed25519 as 32 bytes, bip340 as the 32
   * bytes of a taproot output's key (BIP-341: tweaked, without scripts).
   */
  readonly publicKey: Uint8Array;
  /**
   * Signs a 32-byte digest (secp256k1, bip340) or a whole message (ed25519).
   * secp256k1 answers 65 bytes: r, s (low, BIP-62), recovery id 0 or 1. ed25519 and bip340 answer 64 bytes.
   */
  sign(payload: Uint8Array): Promise<Uint8Array>;
}
