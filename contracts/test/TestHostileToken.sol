// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A token that treats each recipient in a manner of its own, for local chains.
contract TestHostileToken {
    enum Manner {
        Pays,
        PaysAndSaysTrue,
        SaysFalse,
        PaysAndSaysFalse,
        SaysThree,
        SaysTooLittle,
        SaysTrueAndMore,
        Reverts,
        RevertsAtLength,
        SaysTrueAtLength,
        LoopsForEver,
        BurnsAllGas,
        Calls,
        Notifies,
        KeepsAFee
    }

    string public constant name = "Hostile Token";
    string public constant symbol = "HOSTILE";
    uint8 public constant decimals = 6;

    mapping(address => uint256) public balanceOf;
    mapping(address => Manner) public mannerTo;

    /// @notice What the manner Calls calls, and what came of the last call.
    address public target;
    bytes public payload;
    bool public lastCallSucceeded;
    bytes public lastAnswer;

    event Transfer(address indexed from, address indexed to, uint256 value);
    /// @notice The gas that a transfer began with.
    event Seen(address indexed to, uint256 gas);

    error Refused(address to, uint256 value);

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
        emit Transfer(address(0), to, amount);
    }

    function setManner(address to, Manner manner) external {
        mannerTo[to] = manner;
    }

    function setCall(address target_, bytes calldata payload_) external {
        target = target_;
        payload = payload_;
    }

    function transfer(address to, uint256 value) external {
        emit Seen(to, gasleft());
        Manner manner = mannerTo[to];
        if (manner == Manner.Reverts) revert Refused(to, value);
        if (manner == Manner.RevertsAtLength) _end(false, 2, 100_000);
        if (manner == Manner.SaysFalse) _end(true, 0, 32);
        while (manner == Manner.LoopsForEver) {}
        if (manner == Manner.BurnsAllGas) {
            assembly {
                invalid()
            }
        }
        if (manner == Manner.Calls) (lastCallSucceeded, lastAnswer) = target.call(payload);
        _move(msg.sender, to, manner == Manner.KeepsAFee ? value - value / 100 : value);
        if (manner == Manner.Notifies) PaymentListener(to).tokensReceived();
        if (manner == Manner.PaysAndSaysTrue) _end(true, 1, 32);
        if (manner == Manner.PaysAndSaysFalse) _end(true, 0, 32);
        if (manner == Manner.SaysThree) _end(true, 3, 32);
        if (manner == Manner.SaysTooLittle) _end(true, 0, 31);
        if (manner == Manner.SaysTrueAndMore) _end(true, 1, 64);
        if (manner == Manner.SaysTrueAtLength) _end(true, 1, 100_000);
    }

    function _move(address from, address to, uint256 value) private {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }

    /// @dev Ends the call with `size` bytes, of which the first are the word given.
    function _end(bool well, uint256 word, uint256 size) private pure {
        assembly {
            let data := mload(0x40)
            mstore(data, word)
            if well { return(data, size) }
            revert(data, size)
        }
    }
}

interface PaymentListener {
    function tokensReceived() external;
}
