"""The report page: one folder with index.html that opens from disk and needs no network.

experiment  what a finished run left on disk           summary    the table of systems
plane       privacy against utility                    attacks    what the attackers' scores look like
voices      how alike the voices are                   networks   how the models were trained
listening   speech to listen to                        provenance commands, warnings, what was not run
write       all of it into a folder, by templates/
"""
