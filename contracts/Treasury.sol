// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Pays batches of token transfers that the treasury's key has signed.
/// @notice Runs as the code of the treasury's own account (EIP-7702; that account's key signs), or as a
/// contract that is the treasury (the key given to the constructor signs). Anyone may submit what is
/// signed; nothing else moves anything. Each batch id is spent once. Each item stands alone: one that
/// fails says so and touches no other.
/// @dev State sits at the ERC-7201 slot of "knit.treasury", so that it meets nothing that other code
/// has left in the storage of a delegated account.
contract Treasury layout at 0xb7227a09903107712365b4a5f65ef52355ab70936bf3159bed805558c0c11100 {
    /// @notice The batch was carried out, in this transaction, whoever sent it.
    /// @param digest The EIP-712 digest of the batch: which batch of that id it was.
    /// @param failed How many items failed; there are as many ItemFailed events.
    event BatchExecuted(uint256 indexed batchId, bytes32 digest, uint256 failed);

    /// @notice The token did not pay this item. An item of an executed batch without this event was
    /// paid, as far as its token says.
    /// @param index Position in the batch, from zero.
    /// @param reverted True: the call was undone, so nothing moved. False: the call ran to its end and
    /// answered something else than nothing or true; whether it moved anything, only its logs tell.
    /// @param reason The first 256 bytes of what the token returned.
    event ItemFailed(uint256 indexed batchId, uint256 index, bool reverted, bytes reason);

    /// @notice The batch id was spent on nothing.
    event BatchCancelled(uint256 indexed batchId);

    error AlreadySpent();
    error Expired();
    error InvalidSignature();
    error NoItems();
    error NotAToken();
    error NotEnoughGas();
    error Reentered();
    error CoinsRefused();

    bytes32 private constant DOMAIN_TYPEHASH = keccak256(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    );
    bytes32 private constant NAME_HASH = keccak256("Knit Treasury");
    bytes32 private constant VERSION_HASH = keccak256("1");
    bytes32 private constant BATCH_TYPEHASH = keccak256(
        "Batch(uint256 batchId,uint256 deadline,address token,uint256 gasPerItem,bytes32[] items)"
    );
    bytes32 private constant CANCELLATION_TYPEHASH = keccak256("Cancellation(uint256 batchId)");

    /// @dev secp256k1's order, halved: of s and n - s only the lower is a signature here (EIP-2).
    uint256 private constant HALF_ORDER =
        0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @dev Covers what runs between the check of the gas and the token's first instruction.
    uint256 private constant CALL_MARGIN = 1_000;

    /// @dev transfer(address,uint256), left-aligned.
    uint256 private constant TRANSFER_SELECTOR =
        0xa9059cbb00000000000000000000000000000000000000000000000000000000;
    uint256 private constant UNITS_MASK = 0xffffffffffffffffffffffff;

    address private immutable SELF;
    address private immutable KEY;

    /// @dev 256 batch ids a word: the bit `id % 256` of word `id / 256`.
    mapping(uint256 => uint256) private spentWords;

    /// @dev One while a batch runs, so that the events of a batch lie together. Gone with the
    /// transaction; no other code runs in this account meanwhile, so nothing else uses its slot.
    uint256 private transient executing;

    /// @param key Signs for this contract where it is the treasury itself. Zero where it only lends its
    /// code to accounts: then nothing can be signed for it.
    constructor(address key) {
        SELF = address(this);
        KEY = key;
    }

    /// @dev A delegated account takes coins as before, and its key spends them. As a contract it has no
    /// way to give them back, so it takes none.
    receive() external payable {
        if (address(this) == SELF) revert CoinsRefused();
    }

    /// @notice Transfers each item once. Reverts as a whole, and leaves the id unspent, where the batch
    /// is not as signed or the transaction has too little gas to give every item its share.
    /// @param deadline The last second, in Unix time, at which the batch may run.
    /// @param gasPerItem What the token may use for one item: no more, and never less.
    /// @param items One word each: the recipient's 20 bytes, then 12 bytes of amount in units.
    /// @param r, yParityAndS The signature (EIP-2098) over the EIP-712 digest of the five values before.
    function execute(
        uint256 batchId,
        uint256 deadline,
        address token,
        uint256 gasPerItem,
        bytes32[] calldata items,
        bytes32 r,
        bytes32 yParityAndS
    ) external {
        if (block.timestamp > deadline) revert Expired();
        if (items.length == 0) revert NoItems();
        // A call to nothing succeeds and returns nothing, as a payment by USDT does.
        if (token.code.length == 0) revert NotAToken();
        if (executing != 0) revert Reentered();
        bytes32 digest = _digest(
            keccak256(
                abi.encode(BATCH_TYPEHASH, batchId, deadline, token, gasPerItem, _hashWords(items))
            )
        );
        _requireSigned(digest, r, yParityAndS);
        _spend(batchId);
        executing = 1;
        uint256 failed = _payEach(batchId, token, gasPerItem, items);
        executing = 0;
        emit BatchExecuted(batchId, digest, failed);
    }

    /// @notice Spends a batch id on nothing, so that no batch of that id can run any more.
    function cancel(uint256 batchId, bytes32 r, bytes32 yParityAndS) external {
        _requireSigned(_digest(keccak256(abi.encode(CANCELLATION_TYPEHASH, batchId))), r, yParityAndS);
        _spend(batchId);
        emit BatchCancelled(batchId);
    }

    function isSpent(uint256 batchId) external view returns (bool) {
        return spentWords[batchId >> 8] & (1 << (batchId & 0xff)) != 0;
    }

    /// @notice Whose signature counts: the account's own under EIP-7702, else the constructor's key.
    function signer() public view returns (address) {
        return address(this) == SELF ? KEY : address(this);
    }

    function _spend(uint256 batchId) private {
        uint256 bit = 1 << (batchId & 0xff);
        uint256 word = spentWords[batchId >> 8];
        if (word & bit != 0) revert AlreadySpent();
        spentWords[batchId >> 8] = word | bit;
    }

    function _payEach(uint256 batchId, address token, uint256 gasPerItem, bytes32[] calldata items)
        private
        returns (uint256 failed)
    {
        // A call is given at most 63/64 of what is left (EIP-150), silently. With less than this the
        // sender of the transaction could make an item fail, so the whole batch is undone instead.
        uint256 gasNeeded = gasPerItem + gasPerItem / 63 + CALL_MARGIN;
        uint256 count = items.length;
        uint256 data;
        assembly ("memory-safe") {
            data := mload(0x40)
            mstore(0x40, add(data, 96))
            mstore(data, TRANSFER_SELECTOR)
        }
        for (uint256 index = 0; index < count; ++index) {
            if (gasleft() < gasNeeded) revert NotEnoughGas();
            bool ran;
            bool paid;
            assembly ("memory-safe") {
                let item := calldataload(add(items.offset, shl(5, index)))
                mstore(add(data, 4), shr(96, item))
                mstore(add(data, 36), and(item, UNITS_MASK))
                ran := call(gasPerItem, token, 0, data, 68, 0, 32)
                // It ran and returned nothing, or a word or more of which the first is one.
                let saysYes := and(gt(returndatasize(), 31), eq(mload(0), 1))
                paid := and(ran, or(iszero(returndatasize()), saysYes))
            }
            if (paid) continue;
            ++failed;
            _report(batchId, index, !ran);
        }
    }

    /// @dev Copies at most 256 bytes, however much the token returned.
    function _report(uint256 batchId, uint256 index, bool reverted) private {
        bytes memory reason;
        assembly ("memory-safe") {
            let size := returndatasize()
            if gt(size, 256) { size := 256 }
            reason := mload(0x40)
            mstore(0x40, add(reason, 288))
            mstore(reason, size)
            returndatacopy(add(reason, 32), 0, size)
        }
        emit ItemFailed(batchId, index, reverted, reason);
    }

    /// @dev EIP-712's hash of an array of words: of the words, one after the other.
    function _hashWords(bytes32[] calldata words) private pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let data := mload(0x40)
            let size := shl(5, words.length)
            calldatacopy(data, words.offset, size)
            hash := keccak256(data, size)
        }
    }

    /// @dev Computed on each call: a delegated account has no constructor, and a chain may fork.
    function _digest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(this))
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _requireSigned(bytes32 digest, bytes32 r, bytes32 yParityAndS) private view {
        uint256 s = uint256(yParityAndS) & (type(uint256).max >> 1);
        uint8 v = 27 + uint8(uint256(yParityAndS) >> 255);
        address recovered = ecrecover(digest, v, r, bytes32(s));
        // ecrecover answers zero for what is no signature, and zero is the key of a code lender.
        if (s > HALF_ORDER || recovered == address(0) || recovered != signer()) {
            revert InvalidSignature();
        }
    }
}
