"""What runs the whole system on the embedded stack (`deploy/local`), and proves what it claims.

    demo/    `moodstream demo` and `status`: generator, streaming job, drain, audit, live display
    audit/   `moodstream audit`: compares everything that was sent with every layer
    bench/   `moodstream bench`: rates and latencies against named baselines
    chaos/   `moodstream chaos`: kills the job, breaks what it depends on, then audits

`demo` uses `audit`, `bench` and `chaos` use `demo`. Nothing outside of this folder imports it.
"""
