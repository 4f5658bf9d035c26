import type { NetworkId, Token } from '../../money/asset.ts';
import type { Payout, PayoutStatus } from '../payout.ts';

export const PAYOUT_COLUMNS = `business_id, payout_id, user_id, api_account_id, network, token, units,
  to_address, merchant_reference, status, transaction_hash, info, created_at, updated_at`;

export interface PayoutRow {
  business_id: string;
  payout_id: string;
  user_id: string;
  api_account_id: string;
  network: NetworkId;
  token: Token;
  units: bigint;
  to_address: string;
  merchant_reference: string | null;
  status: PayoutStatus;
  transaction_hash: string | null;
  info: string | null;
  created_at: Date;
  updated_at: Date;
}

export function toPayout(row: PayoutRow): Payout {
  return {
    businessId: row.business_id,
    payoutId: row.payout_id,
    userId: row.user_id,
    apiAccountId: row.api_account_id,
    network: row.network,
    token: row.token,
    units: row.units,
    toAddress: row.to_address,
    merchantReference: row.merchant_reference,
    status: row.status,
    transactionHash: row.transaction_hash,
    info: row.info,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
