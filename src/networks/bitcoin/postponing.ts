import { SigningPostponed } from '../network.ts';
import { RpcFailure } from '../nodes/json-rpc.ts';

/** Where the nodes cannot say what signing needs to know, it is for later: nothing has been signed. */
export async function postponing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    throw new SigningPostponed(error.message);
  }
}
