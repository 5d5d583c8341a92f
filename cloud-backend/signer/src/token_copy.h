#pragma once

namespace cardea::signer {

/// SoftHSM 2.6.1 rewrites the token's file in place at each C_Login: a process that is killed just then
/// leaves it empty, and with it all keys of the token are lost. So a copy of it is kept beside the
/// configuration that SOFTHSM2_CONF names. Both calls belong into Gate::enter_alone, and do nothing for other
/// modules.

/// Puts the copy back where the token's file has another length than it (a rewrite never changes the length).
void restore_tokens();
/// Keeps a copy of each token's file, unless there is one; `renew`: in any case, since the PIN is another
/// now. Call when a login has shown that the files are whole.
void copy_tokens(bool renew = false);

}  // namespace cardea::signer
