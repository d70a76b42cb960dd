// Package notify carries one page to one person over one channel and brings
// back the provider's own answer.
//
// A Channel is a webhook of ours (signed JSON), a mail server, or any service
// that shoutrrr knows: WeCom and Feishu robots, ntfy, Bark, Gotify, Telegram
// and others. New picks by the URL's scheme.
//
// Promises:
//
//   - Send returns nil only when the provider said that it took the message.
//     A robot's HTTP 200 with an error code in its body is a failure.
//   - Send returns when its context ends, whatever the provider does.
//   - The error of a message that can never be delivered (wrong key, unknown
//     recipient) is ErrPermanent; all others are worth another try.
//   - No error or answer contains the channel's secrets.
//   - A message sent again carries the same ID, so that a receiver that looks at
//     it can drop the second one.
//
// Queueing, retries and rate limits are the caller's: this package keeps no state.
package notify
