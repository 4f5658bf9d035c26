// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Calls what it is told to, when it is told to or when a token pays it, for local chains.
contract TestCaller {
    address public target;
    bytes public payload;
    bool public called;
    bool public lastCallSucceeded;
    bytes public lastAnswer;

    function setCall(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    function tokensReceived() external {
        called = true;
        (lastCallSucceeded, lastAnswer) = target.call(payload);
    }

    /// @notice Makes all calls in one transaction, or none.
    function callEach(address to, bytes[] calldata payloads) external {
        for (uint256 i = 0; i < payloads.length; ++i) {
            (bool succeeded, bytes memory answer) = to.call(payloads[i]);
            if (!succeeded) {
                assembly {
                    revert(add(answer, 32), mload(answer))
                }
            }
        }
    }
}
