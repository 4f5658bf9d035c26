/** Addresses that each network takes. */
export const RECIPIENTS = {
  BITCOIN_MAINNET: [
    'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4',
    '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2',
    '3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy',
  ],
  ETHEREUM_MAINNET: ['0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045'],
  MATIC_MAINNET: [
    '0x56adfcc254ab3b8142a275c1837bcffaff5aa38b',
    '0x56ADFCC254AB3B8142A275C1837BCFFAFF5AA38B',
  ],
  TRON_MAINNET: ['TJRabPrwbZy45sbavfcjinPJC18kjpRTv8'],
  BSC_MAINNET: ['0xd8da6bf26964af9d7eed9e03e53415d37aa96045'],
  SOL_MAINNET: ['9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM'],
} as const;

/** What the tests take for the platform's own wallet, in lower case. */
export const OWN_WALLET = '0x00000000000000000000000000000000000000aa';
