# Notifications. A check that has ended is not called complete, and a source that answers is not called checked.

told-of = { $address }: { $said }
told-first_result = the first answer has come
told-completed = the check has ended; all data are within their TTL
told-failed = the check has ended without any data
told-ended = the check has ended, but a part of the data is stale or missing
told-unrenewed = { $said }; the last attempt to renew the data failed: { $sources }
told-level = the risk level was “{ $from }”, now it is “{ $to }” (score: { $score })
told-facts = { $source }: { $moved }
told-added = { $n } new
told-gone = { $n } gone
told-changed = { $n } changed
told-recovered = the source “{ $source }” answers again (failed attempts in a row: { $failures })
told-stale = a part of the data is past its TTL: { $source }

## mail: a message

mail-several = Notifications: { $n }
mail-left_out = And more: { $n }.
mail-footer = Notifications cover only the sources that were asked; they are not legal advice.
