import { formatTime } from '../base/time.ts';
import { formatUnits, formatUnitsFixed, LEDGER_DECIMALS } from '../money/amount.ts';
import type { Payout } from '../payouts/payout.ts';
import { success, type Answer } from './answer.ts';
import type { AnswerData } from './answer-schemas.ts';

/** A payout as it is read: the amount is a string with 18 decimals. */
export function payoutData(payout: Payout): AnswerData<'Payout'> {
  return { amount: formatUnitsFixed(payout.units, LEDGER_DECIMALS), ...otherKeys(payout) };
}

/** The answer to its creation: the amount is a JSON number with all of its digits and no exponent. */
export function createdPayoutAnswer(payout: Payout): Answer & { readonly status: 201 } {
  const amount = jsonNumber(formatUnits(payout.units, LEDGER_DECIMALS));
  const data = { amount, ...otherKeys(payout) };
  return {
    ...success({ status: 201, message: 'Payout created successfully', data }),
    status: 201,
  };
}

function otherKeys(payout: Payout): Omit<AnswerData<'Payout'>, 'amount'> {
  const createdAt = formatTime(payout.createdAt);
  const isUnchanged = payout.updatedAt.getTime() === payout.createdAt.getTime();
  return {
    token: payout.token,
    toAddress: payout.toAddress,
    network: payout.network,
    userId: payout.userId,
    payoutWalletId: payout.apiAccountId,
    id: payout.payoutId,
    updatedAt: isUnchanged ? createdAt : formatTime(payout.updatedAt),
    createdAt,
    businessId: payout.businessId,
    merchantReference: payout.merchantReference,
    status: payout.status,
    transactionHash: payout.transactionHash,
    info: payout.info,
  };
}

/** A JSON number that JSON.stringify writes as `text`, digit for digit (TC39 JSON.rawJSON). */
function jsonNumber(text: string): object {
  return (JSON as unknown as { rawJSON: (text: string) => object }).rawJSON(text);
}
