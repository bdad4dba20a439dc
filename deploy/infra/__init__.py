"""The AWS side as code: CloudFormation templates from CDK (`make synth`) and the command that deploys them."""
