def test_x(soap, opened):
    print(soap.ask("getWorkItemHeader", f'<workItemID id="{opened.id}"/>'))
